"""What a call needs from the world: a client, a provider, a recorder. Met only in `wiring`."""

from typing import Protocol

from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage


class ClientGone(Exception):
    """The client's socket is closed; nothing more can be sent or will arrive."""


class ClientConnection(Protocol):
    """The socket to the client, already accepted."""

    async def receive(self) -> str | bytes:
        """The next frame: text, or bytes for a binary one. Raises ClientGone."""
        ...

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the client does not read. Raises ClientGone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with this code; returns at once if the socket is gone already."""
        ...


class UpstreamConnection(Protocol):
    """An open connection to the provider, after its `session.created`."""

    created_text: str
    """The text of the `session.created` event that proved the connection."""

    async def receive(self) -> str:
        """The next frame's text. Raises an UpstreamError once the provider is gone, however."""
        ...

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the provider does not read. Raises an UpstreamError."""
        ...

    async def close(self) -> None:
        """Close within half a second, by force if need be. Never raises."""
        ...


class Connect(Protocol):
    """Open a line to the provider for one call."""

    async def __call__(self) -> UpstreamConnection:
        """Raises an UpstreamError; 8 seconds at most."""
        ...


class CallRecorder(Protocol):
    """Keeps one call's words and costs. Nothing here waits for a database."""

    def keep(self, turn: Turn) -> None:
        """Remember this turn's newest version and return at once."""
        ...

    def count(self, usage: Usage) -> None:
        """Remember this usage and return at once."""
        ...

    async def finish(self, ending: Ending) -> None:
        """Write what is left and how the call ended; stops waiting, not writing, after 5 s."""
        ...
