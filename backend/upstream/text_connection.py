"""`websockets`' client connection with a fast path for whole text frames (`protocol.text_frames`).

The library does everything else: the handshake, other frames, the close. While it has part
of a frame or of a message, everything goes to it, so that the order of the messages is kept. The
queue and the pauses of its `recv_messages` are not documented; `requirements.txt` pins its version.
"""

import asyncio
import contextlib
import os
from typing import Any, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.typing import Data

from backend.light_queues import ShortDeque
from backend.protocol.pings import due_s, ping_frame, pong_frame
from backend.protocol.text_frames import MASK_BYTES, TextTaker, text_extent, text_head
from backend.websocket_parser import apply_mask, is_between_messages

MASKS_AT_ONCE = 1024
"""How many masks are drawn from the system at once: a call of its own for each costs 1 us."""
PAUSED_PING_S = 1.0
"""How soon a ping is tried again that could not be sent."""


class Masks:
    """Unpredictable masks, one for each frame (RFC 6455, 5.3)."""

    def __init__(self) -> None:
        self._drawn = b""
        self._used = 0

    def next(self) -> bytes:
        """Return a mask that was not used before."""
        if self._used == len(self._drawn):
            self._drawn, self._used = os.urandom(MASK_BYTES * MASKS_AT_ONCE), 0
        self._used += MASK_BYTES
        return self._drawn[self._used - MASK_BYTES : self._used]


_masks = Masks()


class TextConnection(ClientConnection):
    """A connection of which one task reads, by `recv`. It is a `relay.ports.DirectText`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.drain_waiters: Any = ShortDeque()
        self._texts: list[str] = []
        """What the fast path has read, for `recv`; it came before what the library has."""
        self._begun = bytearray()
        """The beginning of a text frame, and how long it is when it is whole."""
        self._begun_length = 0
        self._reader: asyncio.Future[None] | None = None
        """Not done while a task waits in `recv`."""
        self._taker: TextTaker | None = None
        self._is_open = False
        """Whether `protocol.state` is OPEN. `send_data` follows whatever may change that."""
        self._is_library_idle = False
        """Whether the library has had no bytes since `_has_library_nothing` was true."""
        self._keepalive_timer: asyncio.TimerHandle | None = None
        """For the next ping, or for the end of the wait for a pong."""
        self._awaited_pong = b""
        """The frame; empty while no ping is on its way."""
        self._pinged_at_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.recv_messages.frames.queue = cast(Any, ShortDeque())
        self._note_state()

    def send_data(self) -> None:
        """Send what the library has to send, and note whether the connection is open after it."""
        super().send_data()
        self._note_state()

    def _note_state(self) -> None:
        self._is_open = self.protocol.state is State.OPEN
        self._is_library_idle = self._is_library_idle and self._is_open

    # Keepalive: the library's with a timer instead of a task, and with frames of `protocol.pings`

    def start_keepalive(self) -> None:
        """Ping from now on; the library calls this once, when the connection is open."""
        if self.ping_interval is not None:
            self._ping_after(self.ping_interval)

    def _ping_after(self, wait_s: float) -> None:
        due = due_s(self.loop.time(), wait_s, self.ping_interval or wait_s)
        self._keepalive_timer = self.loop.call_at(due, self._ping)

    def _ping(self) -> None:
        if not self._is_open or self.transport.is_closing():
            return
        if self.paused:
            # It would only wait behind what the provider does not take.
            self._ping_after(PAUSED_PING_S)
            return
        payload = _masks.next()
        self._awaited_pong, self._pinged_at_s = pong_frame(payload), self.loop.time()
        self.transport.write(ping_frame(payload, _masks.next()))
        if self.ping_timeout is not None:
            self._keepalive_timer = self.loop.call_later(self.ping_timeout, self._stall)

    def acknowledge_pings(self, data: bytes) -> None:
        """A pong has come by the library's parser, together with other frames."""
        if pong_frame(data) == self._awaited_pong:
            self._take_pong()
        else:
            super().acknowledge_pings(data)

    def _take_pong(self) -> None:
        self._awaited_pong = b""
        self.latency = self.loop.time() - self._pinged_at_s
        self._stop_keepalive()
        self._ping_after((self.ping_interval or 0.0) - self.latency)

    def _stop_keepalive(self) -> None:
        if self._keepalive_timer is not None:
            self._keepalive_timer.cancel()
            self._keepalive_timer = None

    def _stall(self) -> None:
        """No pong has come in time."""
        # The library cancels it when the connection is lost.
        self.keepalive_task = self.loop.create_task(self._close_stalled())

    async def _close_stalled(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async with self.send_context():
                self.protocol.fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")

    # Reading

    def data_received(self, data: bytes) -> None:
        """Take whole text frames; give the rest to the library."""
        rest = data
        if self._begun:
            self._begun += data
            if len(self._begun) < self._begun_length:
                return
            rest, self._begun = bytes(self._begun), bytearray()
        if self._is_library_idle or self._has_library_nothing():
            if rest == self._awaited_pong:
                self._take_pong()
                return
            rest = self._take_texts(rest)
            if not rest and not self._texts:
                return
        if rest:
            self._is_library_idle = False
            super().data_received(rest)
        if self._texts or len(self.recv_messages.frames) or not self._is_open:
            self._wake_reader()

    def _has_library_nothing(self) -> bool:
        """Whether the next byte is the first of a message, and the library has none to deliver."""
        is_between = is_between_messages(self.protocol)
        self._is_library_idle = is_between and not len(self.recv_messages.frames)
        return self._is_library_idle

    def _take_texts(self, data: bytes) -> bytes:
        """Give the text frames at the start of `data` to the taker, or queue them.

        Returns the bytes for the library.
        """
        start, size, most = 0, len(data), self.protocol.max_message_size or 0
        while start < size:
            extent = text_extent(data, start, is_masked=False)
            if extent is None or extent[1] - extent[0] > most:
                break
            payload, end = extent
            if end > size:
                self._begun += data[start:]
                self._begun_length = end - start
                start = size
                break
            try:
                text = data[payload:end].decode()
            except UnicodeDecodeError:
                break
            frame = data[start:end]
            start = end
            # The taker's, if no other is on its way.
            reader, taker = self._reader, self._taker
            is_next = not self._texts and reader is not None and not reader.done()
            if taker is None or not is_next or not taker(text, frame):
                self._texts.append(text)
        if self._texts:
            self._pause_or_resume()
        return data[start:] if start else data

    def give_texts_to(self, taker: TextTaker | None) -> None:
        """Give each text to `taker` while a task waits in `recv`, which has those it refuses."""
        self._taker = taker

    def _pause_or_resume(self) -> None:
        """Pause reading when more than `high` messages wait, resume when `low` are left.

        Sets the library's own `paused`, since it pauses and resumes for its messages too.
        """
        messages, waiting = self.recv_messages, len(self._texts)
        if not messages.paused and waiting > (messages.high or 0):
            messages.paused = True
            messages.pause()
        elif messages.paused and waiting <= (messages.low or 0):
            messages.maybe_resume()

    async def recv(self, decode: bool | None = None) -> Data:  # type: ignore[override]
        """The next message. Raises ConnectionClosed."""
        while not self._texts:
            if not self._is_open or len(self.recv_messages.frames):
                return await super().recv(decode)
            self._reader = self.loop.create_future()
            await self._reader
        text = self._texts.pop(0)
        self._pause_or_resume()
        return text

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._note_state()
        self._stop_keepalive()
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # Writing

    async def send_text(self, text: str) -> None:
        """Send a text; waits while the other side does not read.

        Raises ConnectionClosed, or OSError if the connection is lost while it waits.
        """
        if not self._is_open or self.transport.is_closing():
            await self.send(text)
            return
        self.send_now(text)
        if self.paused:
            await self.drain()

    @property
    def can_send_now(self) -> bool:
        """Whether a text can be sent without waiting."""
        return self._is_open and not self.paused and not self.transport.is_closing()

    def send_now(self, text: str) -> None:
        """Send a text on an open connection, even if it has to wait in the transport's buffer."""
        payload, mask = text.encode(), _masks.next()
        self.transport.write(text_head(len(payload), mask) + apply_mask(payload, mask))
