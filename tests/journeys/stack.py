"""The stack of a journey: the real server process and the real simulator process."""

import contextlib
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE_FILE = "kaiwa.sqlite3"
NO_LIMITS = dict.fromkeys(
    ("MAX_CALLS_PER_USER", "MAX_CALLS", "CALLS_PER_HOUR", "SESSIONS_PER_HOUR"), "0"
)
"""The servers of tests and benchmarks have one user who makes very many calls and sessions."""

AZURE = {
    "AZURE_OPENAI_API_KEY": "azure-journey-" + secrets.token_hex(16),
    "AZURE_OPENAI_BASE_URL": "http://localhost:SIMULATOR_PORT/openai/v1",
    "AZURE_REALTIME_MODEL": "voice-eu",
    "AZURE_TRANSCRIPTION_MODEL": "gpt-words-eu",
    "AZURE_CHAT_MODEL": "gpt-chat-eu",
    "AZURE_DEPLOYMENTS": "voice-eu=gpt-realtime-2.1,mini-eu=gpt-realtime-2.1-mini,"
    "gpt-words-eu=gpt-transcribe,gpt-chat-eu=gpt-5.6-luna",
}
"""With these settings the simulator is also Azure, at an origin of its own."""

_migrated: dict[str, bytes] = {}
"""The SQLite file after the migrations, by `DJANGO_SETTINGS_MODULE`."""


def free_port() -> int:
    """Return a port on 127.0.0.1 that is free right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response: status, headers, and the body as text or JSON."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def http(
    method: str, url: str, body: Any = None, *, token: str = "", language: str = "en"
) -> Answer:
    """Send one HTTP request with a JSON body. Does not raise for an error status."""
    request = urllib.request.Request(url, method=method)
    request.add_header("Accept-Language", language)
    if token:
        request.add_header("Authorization", f"Token {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20, context=tls(url)) as response:
            return Answer(response.status, dict(response.headers), response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read().decode())


def tls(url: str) -> ssl.SSLContext | None:
    """Return a context that trusts the machine's certificates and the file of `SSL_CERT_FILE`."""
    return ssl.create_default_context() if url.startswith("https:") else None


def wait_until_answers(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Wait until `url` answers 200. Raises RuntimeError if the process exits, or TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the process exited with {process.returncode} before it answered")
        try:
            with urllib.request.urlopen(url, timeout=2, context=tls(url)) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)


@dataclass(slots=True)
class Stack:
    """A running server and its simulator; `log()` returns what both wrote to stdout and stderr."""

    folder: Path
    server: str
    env: dict[str, str]
    port: int
    simulator_port: int
    server_module: str = "backend.serve"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.simulator_port}"

    def log(self) -> str:
        return "".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))
        )

    def manage(self, *arguments: str, **env: str) -> str:
        """Run manage.py with the server's settings. Returns its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env={**self.env, **env}, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def _spawn(self, name: str, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT, env={**self.env, **env}, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.processes[name] = process
        return process

    def migrate(self) -> None:
        """Migrate the new database, or copy one that an earlier stack of this process migrated.

        The migrations take 2 s of processor time, and a run of the journeys has a dozen stacks.
        """
        if self.env["DATABASE_URL"] != f"sqlite:///{self.folder}/{DATABASE_FILE}":
            self.manage("migrate", "--verbosity", "0")
            return
        file = self.folder / DATABASE_FILE
        settings = self.env.get("DJANGO_SETTINGS_MODULE", "")
        if settings in _migrated:
            file.write_bytes(_migrated[settings])
            return
        self.manage("migrate", "--verbosity", "0")
        # What is not in the file yet would be missing in the copies.
        assert not list(self.folder.glob(f"{DATABASE_FILE}-*"))
        _migrated[settings] = file.read_bytes()

    def spawn_simulator(self, *arguments: str) -> None:
        """Start the simulator without waiting until it answers."""
        self._spawn(
            "simulator", "backend.simulator", "--port", str(self.simulator_port), *arguments
        )

    def await_simulator(self) -> None:
        wait_until_answers(f"{self.simulator_url}/simulator/calls", self.processes["simulator"])

    def start_simulator(self, *arguments: str) -> None:
        self.spawn_simulator(*arguments)
        self.await_simulator()

    def spawn_server(self, name: str = "server") -> subprocess.Popen[bytes]:
        """Start the server without waiting until it answers."""
        return self._spawn(name, self.server_module)

    def start_server(self, name: str = "server") -> None:
        process = self.spawn_server(name)
        wait_until_answers(f"{self.url}/healthz", process)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM, seconds: float = 40) -> int:
        """Signal one process and wait for its exit. Returns the exit code."""
        process = self.processes.pop(name)
        process.send_signal(how)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def stop_all(self) -> None:
        for name in list(self.processes):
            self.stop(name)


@contextlib.contextmanager
def running_stack(
    folder: Path,
    *,
    server: str = "uvicorn",
    simulator: tuple[str, ...] = (),
    server_module: str = "backend.serve",
    **env: str,
) -> Iterator[Stack]:
    """Start simulator and server with a new database in `folder`; stop both at the end.

    `SIMULATOR_PORT` in a setting's value becomes the simulator's port.
    """
    port, simulator_port = free_port(), free_port()
    env = {
        name: value.replace("SIMULATOR_PORT", str(simulator_port)) for name, value in env.items()
    }
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    stack = Stack(
        folder=folder,
        server=server,
        port=port,
        simulator_port=simulator_port,
        server_module=server_module,
        env={
            **inherited,
            "DATABASE_URL": f"sqlite:///{folder}/{DATABASE_FILE}",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "127.0.0.1",
            "REGISTRATION_OPEN": "on",
            **NO_LIMITS,
            "OPENAI_API_KEY": "sk-journey-" + secrets.token_hex(16),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{simulator_port}/v1",
            "SPOOL_DIR": f"{folder}/spool",
            "PORT": str(port),
            "SERVER": server,
            **env,
        },
    )
    try:
        # The simulator imports and listens while the database is migrated and the server starts.
        stack.spawn_simulator(*simulator)
        stack.migrate()
        stack.start_server()
        stack.await_simulator()
        yield stack
    finally:
        stack.stop_all()
