"""Sends the events of a session on one connection, with the mishaps of that connection."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from websockets.asyncio.server import ServerConnection

from backend.simulator.engine import mishap_actions
from backend.simulator.engine.effects import Event
from backend.simulator.engine.mishaps import Kind, Mishap

encode = msgspec.json.Encoder().encode
Work = Coroutine[Any, Any, None]


class Outlet(Protocol):
    """A connection that events go out on."""

    async def send(self, message: str | bytes) -> None:
        """Send a text frame, or a binary one."""

    def stop_reading(self) -> None:
        """Read nothing more, so that pings get no pong."""

    def abort(self) -> None:
        """Cut the connection."""

    async def close(self, code: int, reason: str) -> None:
        """Close it in order."""


class WebSocketOutlet:
    """A WebSocket as an outlet. `send` raises ConnectionClosed once it is closed."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def send(self, message: str | bytes) -> None:
        """Send a frame; wait while the client does not read."""
        await self._connection.send(message)

    def stop_reading(self) -> None:
        """Read nothing more."""
        self._connection.transport.pause_reading()

    def abort(self) -> None:
        """Cut the TCP connection."""
        self._connection.transport.abort()

    async def close(self, code: int, reason: str) -> None:
        """Close with this code and reason."""
        await self._connection.close(code, reason)


class EventSender:
    """Sends events, or does what a mishap makes of them.

    `start`: runs work in the background. `expire`: ends the session. `triggers`: when each kind of
    mishap happens by default; None for those of a WebSocket.
    """

    def __init__(
        self,
        outlet: Outlet,
        start: Callable[[Work], None],
        expire: Callable[[], Work],
        mishaps: Sequence[Mishap] = (),
        triggers: Mapping[Kind, tuple[str, int]] | None = None,
    ) -> None:
        self._outlet = outlet
        self._start = start
        self._expire = expire
        self._injector = mishap_actions.FaultInjector()
        if triggers is not None:
            self._injector.default_triggers = triggers
        for mishap in mishaps:
            self._injector.add(mishap, is_open=False)
        self.is_stopped = False
        """Whether a mishap has ended all sending."""

    def inject(self, mishap: Mishap) -> None:
        """Apply a mishap to the open connection."""
        for action in self._injector.add(mishap, is_open=True):
            self._start(self._perform(action))

    async def open(self) -> None:
        """Do what the mishaps do before the first event."""
        for action in self._injector.actions_at_open():
            await self._perform(action)

    async def send(self, event: Event) -> bool:
        """Send an event; return False if a mishap left it out or has ended all sending."""
        actions = self._injector.actions_for(event["type"], encode(event).decode())
        for action in actions:
            await self._perform(action)
        return bool(actions) and not self.is_stopped

    async def _perform(self, action: mishap_actions.ConnectionAction) -> None:
        if self.is_stopped:
            return
        match action:
            case mishap_actions.Transmit(message):
                await self._outlet.send(message)
            case mishap_actions.Wait(seconds):
                await asyncio.sleep(seconds)
            case mishap_actions.Stall(no_pong):
                self.is_stopped = True
                if no_pong:
                    self._outlet.stop_reading()
            case mishap_actions.Drop():
                self.is_stopped = True
                self._outlet.abort()
            case mishap_actions.Close(code, reason):
                self.is_stopped = True
                self._start(self._outlet.close(code, reason))
            case mishap_actions.Expire():
                self._start(self._expire())
