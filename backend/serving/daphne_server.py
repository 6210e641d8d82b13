"""Daphne, served with its own command line and a graceful shutdown.

The plain choice, with limits: no flow control either way (a client that stops reading is buffered
in memory until a ping or the call's own limit ends it), close reasons dropped, no close codes from
1001 to 2999, and a second signal does not shorten the drain.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from importlib import import_module
from typing import Any

from backend.serving import shutdown
from backend.serving.shutdown import Runtime, ShutdownTimeouts
from backend.serving.websocket_protocol import MAX_MESSAGE_BYTES, PING_S
from backend.telemetry.logs import log_event

_logger = logging.getLogger(__name__)


def run_daphne(
    application_path: str,
    listener: socket.socket,
    runtime: Callable[[], Runtime],
    timeouts: ShutdownTimeouts,
) -> int:
    """Serve `application_path`, written `module:name`, until a signal. Returns the exit code."""
    # Imported only when it was chosen: Daphne installs a Twisted reactor at import.
    command_line = import_module("daphne.cli").CommandLineInterface()
    command_line.server_class = _graceful_server_class(runtime, timeouts)
    command_line.run(
        [
            *("--fd", str(listener.detach())),
            *("--ping-interval", str(PING_S), "--ping-timeout", str(PING_S)),
            # Its default, a day, would close with a success code; the provider's cap is an hour.
            *("--websocket_timeout", "3900", "--websocket_connect_timeout", "10"),
            *("--application-close-timeout", "20"),
            *("--websocket-max-message-size", str(MAX_MESSAGE_BYTES)),
            *("--websocket-max-frame-size", str(MAX_MESSAGE_BYTES)),
            *("--no-server-name", "--verbosity", "0"),
            application_path,
        ]
    )
    return shutdown.exit_code(command_line.server.is_flushed)


def _graceful_server_class(runtime: Callable[[], Runtime], timeouts: ShutdownTimeouts) -> type[Any]:
    daphne_server = import_module("daphne.server")

    class GracefulDaphneServer(daphne_server.Server):  # type: ignore[misc, name-defined]
        """Stock Daphne cancels all calls at once, or none (a KeyError) if one had just ended."""

        is_flushed = False

        def listen_success(self, port: Any) -> None:
            super().listen_success(port)
            self.port = port
            # Later: a runtime is bound to the running event loop, and no reactor runs yet.
            daphne_server.reactor.callLater(0, lambda: runtime().start())

        def kill_all_applications(self) -> Any:
            return daphne_server.defer.Deferred.fromFuture(asyncio.ensure_future(self._shut_down()))

        async def _shut_down(self) -> None:
            log_event(_logger, logging.INFO, "server.draining")
            self.port.stopListening()
            await shutdown.drain(runtime(), timeouts.drain_s, timeouts)
            await self._cancel_applications()
            self.is_flushed = await shutdown.flush_and_exit(runtime(), timeouts)

        async def _cancel_applications(self) -> None:
            applications = [
                details["application_instance"]
                for details in self.connections.values()
                if "application_instance" in details
            ]
            for application in applications:
                application.cancel()
            if applications:
                await asyncio.wait(applications, timeout=timeouts.close_s)

    return GracefulDaphneServer
