"""Serves Kaiwa: uvicorn with two additions of ours, or Daphne by `SERVER=daphne`.

    python -m backend.serve

**uvicorn** has flow control and close codes on its own. Two things are ours. *The cut*: a client
that never reads blocks `send()` and then even `close()`, for as long as its TCP connection lives
(over 70 s were seen); such a transport is aborted at a deadline. *The drain*: at SIGTERM stock
uvicorn sends 1012 in mid-reply; here the listener closes at once, running replies end, turns are
written, and only then are sockets closed. A second signal shortens each of these waits.

**Daphne** is the plain choice, with limits: no flow control either way (a client that stops
reading is buffered in memory until a ping or the call's own limit ends it), close reasons dropped,
no codes from 1001 to 2999, and no hurrying of the drain by a second signal.
"""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Protocol

import django
import uvicorn
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.db import Error as DatabaseError
from django.db import connections
from django.utils.module_loading import import_string
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from backend import __version__
from backend.telemetry.logs import log_event

# By its own name also where it runs as `__main__`.
_logger = logging.getLogger("backend.serve")

MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message that is read at all; a larger one ends the connection with 1009. Far above
the relay's own limit of 512 KiB, so that a client that goes over that one is told so."""


class Runtime(Protocol):
    """What begins with the process and has to end well before it: `backend.runtime.Runtime`."""

    def start(self) -> None:
        """Begin what goes on without a call, such as ending the calls of a worker that died."""
        ...

    async def drain(self, seconds: float) -> None:
        """Admit nobody, give replies `seconds` to end, hang up on everybody. 0 hangs up at once."""
        ...

    async def stop(self, flush_s: float) -> None:
        """Write what is pending within `flush_s` seconds and release everything.

        Raises if something could not be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds. A container's stop grace must exceed 35 s."""

    stuck_reader_s: float = 12.0
    drain_s: float = 30.0
    interrupt_drain_s: float = 1.0
    overrun_s: float = 1.0
    sockets_s: float = 1.0
    flush_s: float = 1.7
    flush_overrun_s: float = 0.3
    threads_s: float = 0.3


class StuckReaderCut(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which aborts its transport when it could not write for `stuck_reader_s`.

    The call itself ends with `too_slow` at 10 s; its close frame then waits behind what is unsent,
    so the abort comes later. Pings do not help: their time-out closes politely, behind it all.

    And a refusal by HTTP is no error: uvicorn sends it, does not count it as an answer, and logs
    that the handshake was never completed.
    """

    stuck_reader_s: ClassVar[float] = 12.0
    _cut_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._arm()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._arm()

    async def run_asgi(self) -> None:
        application = self.app

        async def until_answered(scope: Any, receive: Any, send: Any) -> Any:
            result = await application(scope, receive, send)
            # Before a handshake only a whole refusal says that the last word was sent.
            self.handshake_complete = self.handshake_complete or self.close_sent
            return result

        self.app = until_answered
        await super().run_asgi()
        # Less than the high-water mark may be unsent: then nothing was paused, and still a polite
        # close waits for a reader that never comes.
        self._arm()

    def _arm(self) -> None:
        if self._cut_timer is None and not self.disconnected:
            self._cut_timer = self.loop.call_later(self.stuck_reader_s, self._cut)

    def _disarm(self) -> None:
        if self._cut_timer is not None:
            self._cut_timer.cancel()
            self._cut_timer = None

    def _cut(self) -> None:
        unsent_bytes = self.transport.get_write_buffer_size()
        log_event(
            _logger, logging.WARNING, "socket.cut", wait_s=self.stuck_reader_s, bytes=unsent_bytes
        )
        self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn's server with the drain. `flushed` tells at the end whether all was written."""

    def __init__(
        self, config: uvicorn.Config, runtime: Callable[[], Runtime], patience: Patience
    ) -> None:
        super().__init__(config)
        self.flushed = False
        self._runtime = runtime
        self._patience = patience
        self._drain_s = patience.drain_s
        self._hurry = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours in place of uvicorn's, which raises the signal again at the end: the exit is 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _signalled(self, number: signal.Signals) -> None:
        if self.should_exit:
            self._hurry.set()
            return
        log_event(_logger, logging.INFO, "server.draining", signal=number.name)
        if number is signal.SIGINT:
            self._drain_s = self._patience.interrupt_drain_s
        self.should_exit = True
        for listener in getattr(self, "servers", ()):
            listener.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and let the runtime begin. (Daphne's runtime begins with its first call.)"""
        await super().startup(sockets=sockets)
        self._runtime().start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, close what is left with 1012, flush; each with its bound."""
        runtime = self._runtime()
        await self._drain(runtime)
        await super().shutdown(sockets=sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=self._patience.sockets_s / 2)
        self.flushed = await _flushed(runtime, self._patience)
        _leave_soon(self._patience.threads_s, 0 if self.flushed else 1)
        log_event(_logger, logging.INFO, "server.stopped")

    async def _drain(self, runtime: Runtime) -> None:
        draining = asyncio.create_task(
            _bounded(
                runtime.drain(self._drain_s),
                self._drain_s + self._patience.overrun_s,
                "server.drain_failed",
            )
        )
        hurrying = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not draining.done():
            draining.cancel()
            await asyncio.wait({draining})
            await _bounded(runtime.drain(0), self._patience.overrun_s, "server.drain_failed")


async def _flushed(runtime: Runtime, patience: Patience) -> bool:
    """Stop the runtime. Returns whether everything was written.

    The runtime's own bound is the shorter one, so that it can log what is lost.
    """
    return await _bounded(
        runtime.stop(patience.flush_s),
        patience.flush_s + patience.flush_overrun_s,
        "server.flush_failed",
    )


async def _bounded(work: Awaitable[None], seconds: float, event_of_failure: str) -> bool:
    """Whether the work ended well in time; what went wrong is logged, since the exit must go on."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:
        log_event(_logger, logging.ERROR, event_of_failure, error=type(error).__name__)
        return False
    return True


def _leave_soon(seconds: float, code: int) -> None:
    """Do not wait, as the interpreter would, for a thread that hangs in a database."""
    watchdog = threading.Timer(seconds, os._exit, (code,))
    watchdog.daemon = True
    watchdog.start()


def run_uvicorn(
    application: Any, listener: socket.socket, runtime: Callable[[], Runtime], patience: Patience
) -> int:
    """Serve until a signal. The exit code: 0, or 1 when something could not be written."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        ws=type("Socket", (StuckReaderCut,), {"stuck_reader_s": patience.stuck_reader_s}),
        # Twice the cost per frame for a quarter less of base64 noise.
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        lifespan="off",
        # Django's logging stays as it is; uvicorn's own lines quote paths with their queries.
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    # A float, where uvicorn's signature asks for whole seconds and its code does not.
    config.timeout_graceful_shutdown = patience.sockets_s  # type: ignore[assignment]
    server = Server(config, runtime, patience)
    server.run(sockets=[listener])
    return 0 if server.flushed else 1


def run_daphne(
    application_path: str,
    listener: socket.socket,
    runtime: Callable[[], Runtime],
    patience: Patience,
) -> int:
    """Serve by Daphne's own command line until a signal; `application_path` is `module:name`."""
    # Daphne installs a Twisted reactor when it is imported: only here, only when it was chosen.
    command_line = import_module("daphne.cli").CommandLineInterface()
    command_line.server_class = _draining_daphne(runtime, patience)
    command_line.run(
        [
            *("--fd", str(listener.detach())),
            *("--ping-interval", "15", "--ping-timeout", "15"),
            # Its default, a day, would end as success; the provider's own cap is an hour.
            *("--websocket_timeout", "3900", "--websocket_connect_timeout", "10"),
            *("--application-close-timeout", "20"),
            *("--websocket-max-message-size", str(MESSAGE_BYTES)),
            *("--websocket-max-frame-size", str(MESSAGE_BYTES)),
            *("--no-server-name", "--verbosity", "0"),
            application_path,
        ]
    )
    return 0 if command_line.server.flushed else 1


def _draining_daphne(runtime: Callable[[], Runtime], patience: Patience) -> type[Any]:
    daphne_server = import_module("daphne.server")

    class DrainingDaphne(daphne_server.Server):  # type: ignore[misc, name-defined]
        """Stock Daphne cancels all calls at once, or none (a KeyError) if one had just ended."""

        flushed = False

        def listen_success(self, port: Any) -> None:
            super().listen_success(port)
            self.port = port

        def kill_all_applications(self) -> Any:
            return daphne_server.defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

        async def _end(self) -> None:
            log_event(_logger, logging.INFO, "server.draining")
            self.port.stopListening()
            living = runtime()
            seconds = patience.drain_s
            await _bounded(
                living.drain(seconds), seconds + patience.overrun_s, "server.drain_failed"
            )
            applications = [
                details["application_instance"]
                for details in self.connections.values()
                if "application_instance" in details
            ]
            for application in applications:
                application.cancel()
            if applications:
                await asyncio.wait(applications, timeout=patience.sockets_s)
            self.flushed = await _flushed(living, patience)
            _leave_soon(patience.threads_s, 0 if self.flushed else 1)
            log_event(_logger, logging.INFO, "server.stopped")

    return DrainingDaphne


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, listening. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def why_not(error: OSError, host: str, port: int) -> str:
    """One sentence for a person: what stopped the listening, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"Kaiwa cannot start: port {port} is in use. "
            f"Stop what uses it, or choose another: PORT={port + 1} make run"
        )
    if error.errno == errno.EACCES:
        return f"Kaiwa cannot start: port {port} is not allowed. Choose one above 1023 in PORT."
    return f"Kaiwa cannot start: it cannot listen on {host}, port {port}. Check HOST and PORT."


def heed_checks() -> None:
    """End the start where the settings cannot work, and log what works and should not."""
    found = [each for each in run_checks() if not each.is_silenced()]
    if serious := [each for each in found if each.is_serious()]:
        sys.exit("Kaiwa cannot start. " + " ".join(map(_words_of, serious)))
    for each in found:
        # In whole sentences, for which an event's fields have no place: they are the checks' own.
        _logger.warning("check.warned %s %s", each.id, _words_of(each))


def shut_the_demo_out() -> None:
    """Without `DEBUG`, see to it that nobody signs in with what `make run` has printed.

    Ends the start where that cannot be done: a server that is up says so to nobody.
    """
    if settings.DEBUG:
        return
    try:
        # By name and late: models can be imported only after Django's setup.
        retired: int = import_string("backend.accounts.demo.retire_demo_users")()
    except DatabaseError as error:
        sys.exit(
            f"Kaiwa cannot start: the database is away or not migrated ({type(error).__name__})."
            " Check DATABASE_URL, then run: .venv/bin/python manage.py migrate"
        )
    finally:
        connections.close_all()
    if retired:
        log_event(_logger, logging.WARNING, "demo.retired", count=retired)


def _words_of(complaint: CheckMessage) -> str:
    return f"{complaint.msg} {complaint.hint or ''}".rstrip()


def main() -> int:
    """Serve what the settings say, where they say."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    heed_checks()
    shut_the_demo_out()
    host, port, server = settings.HOST, settings.PORT, settings.SERVER
    try:
        listener = listen(host, port)
    except OSError as error:
        sys.exit(why_not(error, host, port))
    log_event(
        _logger,
        logging.INFO,
        "server.starting",
        server=server,
        host=host,
        port=listener.getsockname()[1],
        version=__version__,
        pid=os.getpid(),
    )

    # By name and late: both need Django's apps, which `setup` has loaded just now.
    def runtime() -> Runtime:
        built: Runtime = import_string("backend.runtime.runtime")()
        return built

    if server == "daphne":
        return run_daphne("backend.asgi:application", listener, runtime, Patience())
    application = import_string("backend.asgi.application")
    return run_uvicorn(application, listener, runtime, Patience())


if __name__ == "__main__":
    sys.exit(main())
