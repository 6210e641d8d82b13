"""What a call needs from outside: client, provider, recorder. `backend.runtime` joins them."""

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

    async def has_left(self) -> bool:
        """Whether the client is known to have closed. What it has sent is kept for `receive`."""
        ...

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the client does not read. Raises ClientGone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with this code; returns at once if the socket is already closed."""
        ...


class UpstreamConnection(Protocol):
    """An open connection to the provider, after its `session.created`."""

    created_text: str
    """The text of the `session.created` event that proved the connection."""

    async def receive(self) -> str:
        """The next frame's text. Raises an UpstreamError once the connection has ended."""
        ...

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the provider does not read. Raises an UpstreamError."""
        ...

    async def close(self) -> None:
        """Close within half a second, by force if need be. Never raises."""
        ...


class Connect(Protocol):
    """Open a connection to the provider for one call."""

    async def __call__(self) -> UpstreamConnection:
        """Connect within 8 seconds. Raises an UpstreamError."""
        ...


class CallRecorder(Protocol):
    """Saves one call's turns and usage. Only `finish` waits for a database."""

    def keep(self, turn: Turn) -> None:
        """Queue this turn's newest version to be written and return at once."""
        ...

    def count(self, usage: Usage) -> None:
        """Queue this usage to be written and return at once."""
        ...

    async def finish(self, ending: Ending) -> None:
        """Write what is queued and the ending; returns after 5 s at most, while writing goes on."""
        ...
