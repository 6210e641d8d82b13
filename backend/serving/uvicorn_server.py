"""uvicorn with bounds on each connection and a graceful shutdown.

`connection_acceptor`, `http_protocol` and `websocket_protocol` have the bounds. *The shutdown*: at
SIGTERM stock uvicorn sends 1012 in mid-reply; here the listener closes at once, running replies
end, turns are written, and only then are sockets closed. A second signal shortens each of these
waits.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import uvicorn

from backend.beats import next_beat_s
from backend.serving import shutdown
from backend.serving.connection_acceptor import ConnectionAcceptor
from backend.serving.connection_limits import ConnectionCounter, ConnectionPacer
from backend.serving.http_protocol import BoundedHttpProtocol, RequestTimeouts, http_protocol
from backend.serving.shutdown import Runtime, ShutdownTimeouts
from backend.serving.websocket_protocol import (
    MAX_MESSAGE_BYTES,
    PING_S,
    WRITE_TIMEOUT_S,
    BoundedWebSocketProtocol,
)
from backend.serving.worker_balance import WorkerBalance
from backend.telemetry.logs import log_event

DATE_S = 1.0
"""How often the `Date` of answers is renewed: it has whole seconds."""

_logger = logging.getLogger(__name__)


class GracefulUvicornServer(uvicorn.Server):
    """uvicorn's server with our acceptor and shutdown.

    `is_flushed` is True if it has written everything.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        runtime: Callable[[], Runtime],
        timeouts: ShutdownTimeouts,
        connections: ConnectionCounter,
        pacer: ConnectionPacer,
        balance: WorkerBalance | None = None,
        on_started: Callable[[], Awaitable[None]] | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self.is_flushed = False
        self._runtime = runtime
        self._timeouts = timeouts
        self._drain_s = timeouts.drain_s
        self._first_signal = asyncio.Event()
        self._second_signal = asyncio.Event()
        self._connections = connections
        self._pacer = pacer
        self._balance = balance
        self._on_started = on_started
        self._beat = beat

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
        self._first_signal.set()
        for listener in getattr(self, "servers", ()):
            listener.close()

    async def main_loop(self) -> None:
        """Wait for the first signal; renew the `Date` of answers, and beat, every second.

        uvicorn's own looks ten times a second whether it shall stop, which takes as much of the
        processor as the pings of 200 idle clients.
        """
        loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            self._beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_beat_s(loop.time(), DATE_S)):
                    await self._first_signal.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections from these sockets, which listen, and start the runtime."""
        # uvicorn's own acceptor, which it makes for each socket, has no limits.
        await super().startup(sockets=[])
        self.servers = [
            cast(
                asyncio.Server,
                ConnectionAcceptor(
                    listener,
                    self._protocol,
                    self._connections,
                    self._pacer,
                    self._balance,
                ),
            )
            for listener in sockets or []
        ]
        self._runtime().start()
        if self._on_started is not None:
            await self._on_started()

    def _protocol(self, address: str) -> asyncio.Protocol:
        kind = cast(type[BoundedHttpProtocol], self.config.http_protocol_class)
        protocol = kind(self.config, self.server_state, self.lifespan.state)
        protocol.counted_address = address
        return protocol

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
    timeouts: ShutdownTimeouts,
    connections: ConnectionCounter,
    pacer: ConnectionPacer,
    request_timeouts: RequestTimeouts,
    write_timeout_s: float = WRITE_TIMEOUT_S,
    *,
    balance: WorkerBalance | None = None,
    on_started: Callable[[], Awaitable[None]] | None = None,
    beat: Callable[[], None] = lambda: None,
) -> int:
    """Serve until a signal. Returns the exit code: 0, or 1 if something could not be written.

    `connections` limits how many clients are connected at once, and `pacer` how fast they connect.
    `balance` has the connections of the other processes on the same socket, if there are any.
    `on_started` is called on the event loop, once the server accepts connections, and `beat` every
    second while it serves.
    """
    protocol = type("Protocol", (BoundedWebSocketProtocol,), {"write_timeout_s": write_timeout_s})
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=http_protocol(connections, request_timeouts),
        ws=protocol,
        # Compression costs twice the processor time per frame and saves a quarter of base64 noise.
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
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
    server = GracefulUvicornServer(
        config, runtime, timeouts, connections, pacer, balance, on_started, beat
    )
    server.run(sockets=[listener])
    return shutdown.exit_code(server.is_flushed)
