"""The relays that are compared: nginx, a thin ASGI relay, LiteLLM, and Kaiwa as it is deployed.

Each is a context manager that yields a Relay, with its processes on a core of their own.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.compare.load import Target
from bench.compare.processes import relay_cores, running
from tests.journeys.stack import NO_LIMITS, ROOT, free_port, wait_until_answers
from tests.postgres import running_postgres

FAR_PATH = "/v1/realtime?model=gpt-realtime"
DIRECT = "direct"
"""No relay at all: what the machine, the far end and the load themselves take."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A running relay. `pid` is 0 for the direct connection, which has no process."""

    name: str
    port: int
    pid: int
    headers: dict[str, str] = field(default_factory=dict)
    path: str = FAR_PATH
    users: Callable[[int, int], Sequence[tuple[str, str]]] | None = None
    """Of Kaiwa: makes users with a session of so many turns; returns tokens and session ids."""

    @property
    def is_kaiwa(self) -> bool:
        return self.users is not None

    def targets(self, count: int, *, turns: int = 0, has_ticket: bool = True) -> list[Target]:
        """Return where so many clients connect, each as a user of its own."""
        if self.users is None:
            return [Target("127.0.0.1", self.port, self.path, self.headers)] * count
        return [
            Target(
                "127.0.0.1", self.port, f"/ws/realtime/{session_id}/",
                {**self.headers, "Authorization": f"Token {token}"},
                session_id=session_id if has_ticket else "", is_kaiwa=True,
            )
            for token, session_id in self.users(count, turns)
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """What a relay is started with."""

    folder: Path
    far_port: int
    database: str = "sqlite"
    is_client_rate_limited: bool = True
    """Whether Kaiwa limits how fast a client sends. False: for loads that no microphone makes."""
    cores: Collection[int] = field(default_factory=relay_cores)
    """Where the relay may run."""


Starter = Callable[[str, Place], contextlib.AbstractContextManager[Relay]]


@contextlib.contextmanager
def direct(name: str, place: Place) -> Iterator[Relay]:
    """No relay: the clients connect to the far end."""
    yield Relay(name, place.far_port, 0)


_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log crit;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{far_port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(name: str, place: Place) -> Iterator[Relay]:
    """The distribution's nginx as a WebSocket proxy, with one worker."""
    search_path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which("nginx", path=search_path) is None:
        raise SystemExit("nginx is not installed: apt-get install nginx, or --relays thin,kaiwa")
    port = free_port()
    configuration = place.folder / "nginx.conf"
    configuration.write_text(
        _NGINX.format(folder=place.folder, port=port, far_port=place.far_port)
        + ("\nuser root;\n" if os.geteuid() == 0 else "")
    )
    env = {"PATH": search_path}
    command = ["nginx", "-e", str(place.folder / "nginx-start.log"), "-c", str(configuration)]
    with running(
        command, env=env, cwd=ROOT, log=place.folder / "nginx.log", cores=place.cores
    ) as process:
        wait_until_listening(port)
        yield Relay(name, port, process.pid)


@contextlib.contextmanager
def thin(name: str, place: Place) -> Iterator[Relay]:
    """`bench.compare.thin_relay` on uvicorn, started as Kaiwa starts it."""
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable, "-m", "uvicorn", "bench.compare.thin_relay:application",
        "--port", str(port), "--loop", "uvloop", "--ws", "websockets-sansio",
        "--ws-per-message-deflate", "false", "--lifespan", "off", "--no-access-log",
        "--log-level", "warning",
    ]  # fmt: skip
    env = {
        **_inherited(),
        "THIN_TOKEN": token,
        "THIN_FAR_URL": f"ws://127.0.0.1:{place.far_port}{FAR_PATH}",
    }
    with running(
        command, env=env, cwd=ROOT, log=place.folder / f"{name}.log", cores=place.cores
    ) as process:
        wait_until_listening(port)
        yield Relay(name, port, process.pid, {"Authorization": f"Bearer {token}"})


_LITELLM = """
model_list:
  - model_name: gpt-realtime
    litellm_params:
      model: openai/gpt-realtime
      api_base: http://127.0.0.1:{far_port}
      api_key: sk-bench
    model_info:
      mode: realtime
general_settings:
  master_key: {key}
"""
LITELLM = ROOT / ".venv-peers" / "bin" / "litellm"


@contextlib.contextmanager
def litellm(name: str, place: Place) -> Iterator[Relay]:
    """LiteLLM's proxy from `.venv-peers`, without a database, with one worker."""
    if not LITELLM.exists():
        raise SystemExit("LiteLLM is not installed: `make bench-peers` does it")
    port, key = free_port(), f"sk-{secrets.token_hex(16)}"
    configuration = place.folder / "litellm.yaml"
    configuration.write_text(_LITELLM.format(far_port=place.far_port, key=key))
    command = [
        str(LITELLM), "--config", str(configuration), "--host", "127.0.0.1", "--port", str(port),
        "--num_workers", "1", "--telemetry", "False",
    ]  # fmt: skip
    # Its table of prices comes from its package, not from the network.
    env = {**_inherited(), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    with running(
        command, env=env, cwd=place.folder, log=place.folder / "litellm.log", cores=place.cores
    ) as process:
        wait_until_listening(port, 120)
        yield Relay(name, port, process.pid, {"Authorization": f"Bearer {key}"})


def kaiwa(root: Path = ROOT, workers: int = 1) -> Starter:
    """Kaiwa with the code in `root` and so many processes, as docker-compose.yml sets it."""

    @contextlib.contextmanager
    def started(name: str, place: Place) -> Iterator[Relay]:
        folder = place.folder / name
        folder.mkdir(exist_ok=True)
        with _database_url(folder, place.database) as database_url:
            port = free_port()
            env = _kaiwa_env(folder, port, place.far_port, database_url)
            if workers > 1:
                env["WORKERS"] = str(workers)
            _manage(root, env, folder, "migrate", "--verbosity", "0")
            module = ["-m", "backend.serve"]
            if not place.is_client_rate_limited:
                module = [str(ROOT / "bench" / "compare" / "serve_unlimited.py")]
            with running(
                [sys.executable, *module], env=env, cwd=root, log=folder / "server.log",
                cores=place.cores,
            ) as process:  # fmt: skip
                wait_until_answers(f"http://127.0.0.1:{port}/healthz", process)
                yield Relay(
                    name, port, process.pid, _PROXY_HEADERS,
                    users=lambda count, turns: _make_users(root, env, folder, count, turns),
                )  # fmt: skip

    return started


_PROXY_HEADERS = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
"""What nginx adds, which the server trusts: it does not slow down the many clients of a proxy."""


def _kaiwa_env(folder: Path, port: int, far_port: int, database_url: str) -> dict[str, str]:
    return {
        **_inherited(),
        "PYTHONPATH": "",
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "127.0.0.1",
        "TRUSTED_PROXIES": "127.0.0.1",
        "OPENAI_API_KEY": "sk-bench-" + secrets.token_hex(16),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{far_port}/v1",
        "SPOOL_DIR": str(folder / "spool"),
        "LOG_FORMAT": "json",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        # One user's calls and sessions of an hour: connects are measured by the hundred.
        **NO_LIMITS,
    }


@contextlib.contextmanager
def _database_url(folder: Path, database: str) -> Iterator[str]:
    if database == "postgres":
        with running_postgres() as url:
            yield url
    else:
        yield f"sqlite:///{folder}/kaiwa.sqlite3"


_MAKE_USERS = """
import uuid
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.authtoken.models import Token
from backend.conversations.models import Session, Turn
now = timezone.now()
for number in range({count}):
    user = User.objects.create(username=f"user-{{uuid.uuid4()}}")
    session = Session.objects.create(user=user, model="gpt-realtime", next_position={turns})
    Turn.objects.bulk_create(
        Turn(
            session=session, item_id=f"item_{{place}}", role=("user", "assistant")[place % 2],
            modality="voice", status="completed", position=place, started_at=now,
            completed_at=now, text="Where is my parcel, please? It was sent on Monday. " * 3,
        )
        for place in range({turns})
    )
    print("login", Token.objects.create(user=user).key, session.pk)
"""


def _make_users(
    root: Path, env: dict[str, str], folder: Path, count: int, turns: int
) -> list[tuple[str, str]]:
    script = _MAKE_USERS.format(count=count, turns=turns)
    lines = _manage(root, env, folder, "shell", "--verbosity", "0", "--command", script)
    words = [line.split() for line in lines.splitlines() if line.startswith("login ")]
    return [(token, session_id) for _, token, session_id in words]


def _manage(root: Path, env: dict[str, str], folder: Path, *arguments: str) -> str:
    """Run manage.py of a tree with the server's settings. Returns its output."""
    with (folder / "manage.log").open("ab") as log:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=root, env=env, check=True, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    return done.stdout


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def wait_until_listening(port: int, seconds: float = 60) -> None:
    """Wait until a port of 127.0.0.1 accepts connections. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")
