"""`make run`: prepares a demo on this machine and runs the server until Ctrl-C.

    python -m backend.demo

Sets `DEBUG`, listens on 127.0.0.1 only, migrates a database of the demo's own, creates a demo user
and a demo admin, and starts the simulator if there is no provider key. Server and simulator are
child processes in sessions of their own, so that Ctrl-C in the terminal signals this process only;
it then stops the server first. No child outlives this process, however it ends.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
from django.conf import settings
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import connections

from backend.serving.listener import listen, listen_error_message
from backend.wording import SUGGESTIONS

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
WORKER_ARGUMENTS = (
    *("db_worker", "--no-reload", "--interval", "2"),
    # The server prints the warnings of the checks, and the admin shows the jobs.
    *("--skip-checks", "--verbosity", "0"),
)
DATABASE = ROOT / "var" / "demo.sqlite3"

_SIMULATOR_READY = "simulator listening on "
_START_TIMEOUT_S = 60.0
_SERVER_STOP_TIMEOUT_S = 8.0
_SIMULATOR_STOP_TIMEOUT_S = 2.0
_WORKER_STOP_TIMEOUT_S = 2.0
_WORKER_RESTART_PAUSE_S = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Login:
    """An account that was created for the demo; the banner shows it."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What to start.

    `server` and `simulator` are commands; `simulator` is None if there is a provider key.
    `prepare` migrates the database and returns the demo user and the demo admin; it runs in a
    thread while the simulator starts. `provider` is the banner's text for a real provider.
    `worker` is the command that runs background jobs.
    """

    port: int
    server: Sequence[str]
    simulator: Sequence[str] | None
    prepare: Callable[[], tuple[Login, Login]]
    provider: str
    worker: Sequence[str] = ()


class DemoFailed(Exception):
    """A child ended, or a part of the start failed; the text is a sentence for the user."""


class Demo:
    """Starts the children, prints the banner when they are ready, and stops them."""

    def __init__(
        self, plan: DemoPlan, environ: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._environ = dict(environ)
        self._say = say
        self._server: asyncio.subprocess.Process | None = None
        self._simulator: asyncio.subprocess.Process | None = None
        self._worker: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Run until a signal, or until a child ends; return the exit code: 0 or 1."""
        running = asyncio.create_task(self._run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, running)
        try:
            await running
        except DemoFailed as failure:
            self._say(str(failure))
            return 1
        except TimeoutError:
            self._say(
                f"The start took longer than {_START_TIMEOUT_S:.0f} seconds, so the demo stops."
            )
            return 1
        except asyncio.CancelledError:
            self._say("Stopping.")
        finally:
            await self._stop()
        return 0

    def _signalled(self, running: asyncio.Task[None]) -> None:
        if not running.cancel() and self._server and self._server.returncode is None:
            # The server is stopping already; a second SIGINT makes it stop at once.
            self._server.send_signal(signal.SIGINT)

    async def _run(self) -> None:
        plan = self._plan
        async with asyncio.timeout(_START_TIMEOUT_S):
            if plan.simulator:
                self._simulator = await self._spawn(plan.simulator, asyncio.subprocess.PIPE)
            user, admin = await asyncio.to_thread(plan.prepare)
            if self._simulator:
                await self._use_simulator(self._simulator)
            self._server = await self._spawn(plan.server, None)
            await self._wait_until_healthy(self._server)
        self._say(banner(plan, user, admin, has_colour=sys.stdout.isatty()))
        # After the banner, because its start would slow the server's.
        working = asyncio.create_task(self._run_worker())
        try:
            await self._wait_until_one_ends()
        finally:
            working.cancel()

    async def _run_worker(self) -> None:
        """Run the worker for background jobs; start it again if it ends. Calls go on without it.

        It ends, for instance, when SQLite is locked for 20 s.
        """
        while self._plan.worker:
            self._worker = await self._spawn(self._plan.worker, None)
            code = await self._worker.wait()
            self._say(f"The worker for background jobs ended by itself ({code}): starting another.")
            await asyncio.sleep(_WORKER_RESTART_PAUSE_S)

    async def _spawn(
        self, command: Sequence[str], stdout: int | None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )

    async def _use_simulator(self, simulator: asyncio.subprocess.Process) -> None:
        assert simulator.stdout is not None
        line = (await simulator.stdout.readline()).decode().strip()
        if not line.startswith(_SIMULATOR_READY):
            raise DemoFailed("The simulator did not start; its own message is above.")
        # OPENAI_API_KEY_FILE would take precedence over OPENAI_API_KEY.
        self._environ.pop("OPENAI_API_KEY_FILE", None)
        self._environ |= {
            "OPENAI_BASE_URL": line.removeprefix(_SIMULATOR_READY),
            "OPENAI_API_KEY": "simulator",
            "REALTIME_PROVIDER": "openai",
            "DEMO": "on",
        }

    async def _wait_until_healthy(self, server: asyncio.subprocess.Process) -> None:
        while server.returncode is None:
            with contextlib.suppress(OSError):
                if await _is_healthy(self._plan.port):
                    return
            await asyncio.sleep(0.05)
        raise DemoFailed("The server did not start; its own message is above.")

    async def _wait_until_one_ends(self) -> None:
        watched = {
            asyncio.create_task(child.wait()): name
            for name, child in (("server", self._server), ("simulator", self._simulator))
            if child
        }
        try:
            ended, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for watching in watched:
                watching.cancel()
        first = ended.pop()
        raise DemoFailed(f"The {watched[first]} ended by itself ({first.result()}): stopping.")

    async def _stop(self) -> None:
        """Stop the server first: it closes its calls to the simulator and writes their turns."""
        await asyncio.gather(
            _stop_child(self._server, _SERVER_STOP_TIMEOUT_S),
            # Not SIGINT, which prints a traceback until the worker has installed its handlers.
            _stop_child(self._worker, _WORKER_STOP_TIMEOUT_S, signal.SIGTERM),
        )
        await _stop_child(self._simulator, _SIMULATOR_STOP_TIMEOUT_S)


async def _stop_child(
    child: asyncio.subprocess.Process | None,
    seconds: float,
    number: signal.Signals = signal.SIGINT,
) -> None:
    if child is None or child.returncode is not None:
        return
    child.send_signal(number)
    try:
        await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError:
        child.kill()
        await child.wait()


async def _is_healthy(port: int) -> bool:
    async with asyncio.timeout(2):
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(
                f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
            )
            return (await reader.readline()).split()[1:2] == [b"200"]
        finally:
            writer.close()


def _die_with_parent(parent: int) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child SIGINT when `parent` dies, even by SIGKILL.

    Linux only; on other systems the children are stopped only if this process ends in order.
    """
    prctl: Any = getattr(ctypes.CDLL(None), "prctl", None)

    def request_signal() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:
                os._exit(1)

    return request_signal


def banner(plan: DemoPlan, user: Login, admin: Login, *, has_colour: bool) -> str:
    """The text for the terminal: address, logins, and who answers."""
    strong, plain = ("\033[1m", "\033[0m") if has_colour else ("", "")
    url = f"http://{HOST}:{plan.port}/"
    answering = (
        "No OPENAI_API_KEY: a simulator is answering, a customer whom you sell to.\n"
        f"  Say “{SUGGESTIONS['en'][1]}”, or type it."
        if plan.simulator
        else f"Answering: {plan.provider}"
    )
    return (
        f"\n  {strong}Kaiwa is ready: {url}{plain}\n\n"
        f"  Login  {user.username} / {user.password}\n"
        f"  Admin  {admin.username} / {admin.password} at {url}admin/\n\n"
        f"  {answering}\n"
        "  Ctrl-C stops everything.\n"
    )


def _prepare() -> tuple[Login, Login]:
    """Migrate the database, and create the demo user and the demo admin. Raises DemoFailed."""
    # Imported by name here, because models can be imported only after `django.setup()`.
    accounts = import_module("backend.accounts.demo")
    try:
        call_command("migrate", verbosity=0, interactive=False)
        user, admin = accounts.ensure_demo_users()
    except accounts.DemoRefused as refused:
        raise DemoFailed(str(refused)) from refused
    except DatabaseError as error:
        raise DemoFailed(
            f"The database cannot be used ({type(error).__name__}): it is not running, or it is "
            "not Kaiwa's. Check DATABASE_URL."
        ) from error
    finally:
        connections.close_all()
    return Login(user.username, user.password), Login(admin.username, admin.password)


def demo_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that the demo overrides, whatever `.env` has for a deployment.

    The demo has accounts with known passwords, so it must not be reachable from other machines or
    write to the deployment's database. It uses its own database, unless the environment of this
    run (not `.env`) names another.
    """
    own = {"DEBUG": "on", "HOST": HOST, "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]"}
    if not (environ.get("DATABASE_URL") or environ.get("DATABASE_URL_FILE")):
        own["DATABASE_URL"] = f"sqlite:///{quote(str(DATABASE))}"
    return own


def main() -> int:
    """Run the demo on 127.0.0.1; return the exit code."""
    os.environ |= demo_settings(os.environ)
    DATABASE.parent.mkdir(exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    port: int = settings.PORT
    try:
        listen(HOST, port).close()
    except OSError as error:
        sys.exit(listen_error_message(error, HOST, port, "make run"))
    print("Kaiwa is starting: database, logins, server …", flush=True)
    # Imported here: it loads the provider's SDK, and the line above is to be shown at once.
    answering = import_module("backend.configured_providers").default_provider()
    plan = DemoPlan(
        port=port,
        server=(sys.executable, "-m", "backend.serve"),
        simulator=None
        if answering.api_key
        else (sys.executable, "-m", "backend.simulator", "--port", "0"),
        prepare=_prepare,
        provider=f"{answering.realtime_model} at {answering.base_url}",
        worker=(sys.executable, "manage.py", *WORKER_ARGUMENTS),
    )
    return asyncio.run(Demo(plan, os.environ, lambda text: print(text, flush=True)).run())


if __name__ == "__main__":
    sys.exit(main())
