"""uvicorn with two additions: a write timeout and a graceful shutdown.

uvicorn has flow control and close codes on its own. *The write timeout*: a client that never reads
blocks `send()` and then even `close()` for as long as its TCP connection lives (over 70 s were
seen); such a transport is aborted at a deadline. *The shutdown*: at SIGTERM stock uvicorn sends
1012 in mid-reply; here the listener closes at once, running replies end, turns are written, and
only then are sockets closed. A second signal shortens each of these waits.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from backend.serving import shutdown
from backend.serving.limits import MAX_MESSAGE_BYTES, ServerTimeouts
from backend.serving.shutdown import Runtime
from backend.telemetry.logs import log_event

_logger = logging.getLogger(__name__)


class WriteTimeoutProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, aborted when the client reads nothing for `write_timeout_s`.

    The call itself ends with `too_slow` at 10 s; its close frame then waits behind the unsent
    bytes, so the abort comes later. Pings do not help: when one times out, uvicorn sends a close
    frame, which waits behind the unsent bytes too.

    It also treats a handshake that was refused over HTTP as answered. uvicorn sends the refusal,
    does not count it as an answer, and logs an error, "without completing handshake".
    """

    write_timeout_s: ClassVar[float] = 12.0
    _abort_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._start_timer()

    async def run_asgi(self) -> None:
        application = self.app

        async def mark_refusal_as_answer(scope: Any, receive: Any, send: Any) -> Any:
            result = await application(scope, receive, send)
            # Before the handshake, `close_sent` is set only when a complete refusal was sent.
            self.handshake_complete = self.handshake_complete or self.close_sent
            return result

        self.app = mark_refusal_as_answer
        await super().run_asgi()
        # The unsent bytes may be below the high-water mark: then writing was never paused, and the
        # close frame still waits for a client that does not read.
        self._start_timer()

    def _start_timer(self) -> None:
        if self._abort_timer is None and not self.disconnected:
            self._abort_timer = self.loop.call_later(self.write_timeout_s, self._abort)

    def _cancel_timer(self) -> None:
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None

    def _abort(self) -> None:
        unsent_bytes = self.transport.get_write_buffer_size()
        log_event(
            _logger,
            logging.WARNING,
            "socket.write_timeout",
            wait_s=self.write_timeout_s,
            bytes=unsent_bytes,
        )
        self.transport.abort()


class GracefulUvicornServer(uvicorn.Server):
    """uvicorn's server with our shutdown. `is_flushed` is True if it has written everything."""

    def __init__(
        self, config: uvicorn.Config, runtime: Callable[[], Runtime], timeouts: ServerTimeouts
    ) -> None:
        super().__init__(config)
        self.is_flushed = False
        self._runtime = runtime
        self._timeouts = timeouts
        self._drain_s = timeouts.drain_s
        self._second_signal = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install our handlers; uvicorn's own would raise the signal again, and not exit with 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self.should_exit:
            self._second_signal.set()
            return
        log_event(_logger, logging.INFO, "server.draining", signal=number.name)
        if number is signal.SIGINT:
            self._drain_s = self._timeouts.interrupt_drain_s
        self.should_exit = True
        for listener in getattr(self, "servers", ()):
            listener.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen and start the runtime. (Under Daphne the first call starts it.)"""
        await super().startup(sockets=sockets)
        self._runtime().start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, close the remaining sockets with 1012, flush; each step with its timeout."""
        runtime = self._runtime()
        await self._drain_until_second_signal(runtime)
        await super().shutdown(sockets=sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=self._timeouts.close_s / 2)
        self.is_flushed = await shutdown.flush_and_exit(runtime, self._timeouts)

    async def _drain_until_second_signal(self, runtime: Runtime) -> None:
        draining = asyncio.create_task(shutdown.drain(runtime, self._drain_s, self._timeouts))
        second_signal = asyncio.create_task(self._second_signal.wait())
        await asyncio.wait({draining, second_signal}, return_when=asyncio.FIRST_COMPLETED)
        second_signal.cancel()
        if not draining.done():
            draining.cancel()
            await asyncio.wait({draining})
            await shutdown.drain(runtime, 0, self._timeouts)


def run_uvicorn(
    application: Any,
    listener: socket.socket,
    runtime: Callable[[], Runtime],
    timeouts: ServerTimeouts,
) -> int:
    """Serve until a signal. Returns the exit code: 0, or 1 if something could not be written."""
    protocol = type(
        "Protocol", (WriteTimeoutProtocol,), {"write_timeout_s": timeouts.write_timeout_s}
    )
    config = uvicorn.Config(
        application,
        loop="uvloop",
        ws=protocol,
        # Compression costs twice the processor time per frame and saves a quarter of base64 noise.
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        lifespan="off",
        # `backend.trusted_proxies` does that; uvicorn's own trusts everybody on this machine.
        proxy_headers=False,
        # Keep Django's logging configuration; uvicorn's own lines quote paths with their queries.
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    # uvicorn's signature asks for whole seconds; its code takes a float.
    config.timeout_graceful_shutdown = timeouts.close_s  # type: ignore[assignment]
    server = GracefulUvicornServer(config, runtime, timeouts)
    server.run(sockets=[listener])
    return shutdown.exit_code(server.is_flushed)
