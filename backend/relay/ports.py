"""What a call needs from outside: client, provider, recorder. `backend.runtime` joins them."""

from typing import Protocol

from backend.protocol.endings import Ending
from backend.protocol.text_frames import TextTaker
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage


class ClientGone(Exception):
    """The client's socket is closed; nothing more can be sent or will arrive."""


class DirectText(Protocol):
    """A socket that hands over and takes whole texts without a task: it saves its wake-up."""

    def give_texts_to(self, taker: TextTaker | None) -> None:
        """Give each text to `taker` as soon as it has come; `receive` has those that it refuses.

        Only while a task waits in `receive`, so that nothing that came before is still to be
        handled. None: to `receive` alone, as at first.
        """
        ...

    @property
    def can_send_now(self) -> bool:
        """Whether the socket is open and a text can be sent without waiting."""
        ...

    def send_now(self, text: str) -> None:
        """Send a text while `can_send_now`. Never raises."""
        ...


class DirectClient(DirectText, Protocol):
    """The same of the client's socket, which takes frames without a mask."""

    def send_frame_now(self, frame: bytes) -> None:
        """Send a whole text frame without a mask while `can_send_now`. Never raises."""
        ...


class ClientConnection(Protocol):
    """The socket to the client, already accepted."""

    @property
    def direct(self) -> DirectClient | None:
        """The direct way through this socket, if it has one."""
        ...

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

    @property
    def direct(self) -> DirectText | None:
        """The direct way through this socket, if it has one."""
        ...

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
