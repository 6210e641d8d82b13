"""uvicorn's WebSocket protocol with bounds on what one client can cost the others.

uvicorn reads and parses everything that a client has sent, at once, and goes on doing so after its
own close frame. Measured: a client that was refused and went on sending empty frames delayed the
audio of all other calls by 4 to 9 s. Here a client's bytes are parsed in slices, of which the next
one waits until the application has read the messages of the last; and after the close frame only
what a close handshake needs is parsed. Whole text frames of a slice do not go through the library
(`protocol.text_frames`), and may be handled as soon as they are read (`DIRECT_TEXT`).
"""

import asyncio
import contextlib
import fcntl
import logging
import random
import socket
import struct
import termios
from collections.abc import Callable
from typing import Any, ClassVar

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from backend.light_queues import LightEvent, LightQueue
from backend.protocol.pings import PAYLOAD_BYTES, due_s, is_masked_pong, ping_frame
from backend.protocol.text_frames import DIRECT_TEXT, MASK_BYTES, TextTaker, text_extent, text_head
from backend.telemetry.logs import log_event
from backend.websocket_parser import apply_mask, is_between_messages

MAX_MESSAGE_BYTES = 1024 * 1024
"""The largest WebSocket message the server reads, also under Daphne; a larger one closes the
connection with 1009. Above the relay's own limit of 512 KiB, so that a client over that one gets
`relay.error`. A client can hold as much memory with a message that it never finishes."""
PING_S = 15
"""Seconds between pings, and the wait for an answer, also under Daphne: a client whose network has
gone without a word is found after 30 s at most."""
WRITE_TIMEOUT_S = 11.0
"""How long a client may leave its socket unread before the connection is aborted."""
SLICE_BYTES = 1024
"""How much is parsed at once: 146 frames of the smallest size. The relay takes 0.05 ms for each."""
MAX_FRAMES_PER_TURN = 150
"""The frames after which other connections have their turn, before more is parsed."""
MAX_SLICES_PER_TURN = 4
"""The slices after which other connections have their turn, for parts of large frames. One took up
to 256 KiB, which is 2.5 ms; twenty clients with a large message delayed all audio by 206 ms."""
MAX_FRAGMENTS = 1024
"""The frames of one message. Each costs 60 bytes and more, even if it is empty; the largest message
that the relay accepts has 512 frames of 1 KiB."""
SHORT_FRAME_BYTES = 16 * 1024
"""A text frame up to this is taken whole, also beyond the end of its slice: 0.03 ms. Microphone
audio of 40 ms has 2.6 KB."""
CLOSING_BYTES = 16 * 1024
"""What is parsed after our close frame, to find the client's: a quarter of a second of microphone
audio may be on its way before it."""
CLOSING_LINGER_S = 1.0
"""A client that sent more than that is disconnected this long after its system has acknowledged our
close frame. An earlier abort discards what is still unsent: on a slow link a client whose call had
been taken over never received the close frame, and reconnected."""
SEND_BUFFER_BYTES = 128 * 1024
"""The kernel's buffer for a client, which it doubles. By itself it grows to 4 MB, which are taken
from the provider for a client that does not read. This much is on its way at 430 KB/s and 300 ms,
where speech takes 64 KB/s and an answer comes a few times as fast as it is spoken."""
STUCK_BYTES = 256 * 1024
"""A client for which the kernel takes less than this within the write timeout does not read: speech
alone has 64 KB a second. The kernel of a client that does not read takes some more when it is
probed, after 6 s for instance, and such a client was aborted after 17 s."""
MAX_UNSENT_BYTES = MAX_MESSAGE_BYTES
"""The unsent bytes with which nothing more is parsed. A client that read no answers to its pings
took 84 MB in the 12 s before it was aborted. Above uvicorn's high-water mark of 64 KiB, so that a
client on a slow link, for which audio waits, can still interrupt."""

_logger = logging.getLogger(__name__)


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket of one client.

    *The write timeout*: it is aborted when the client reads less than `STUCK_BYTES` within
    `write_timeout_s`. Else uvicorn's `send()`, and then even its close, would block for as long as
    such a TCP connection lives (over 70 s were seen). The call itself ends with `too_slow` at 10 s;
    its close frame then waits behind the unsent bytes, so the abort comes later. Pings do not help:
    when one times out, uvicorn sends a close frame, which waits behind the unsent bytes too.

    *Refusals*: a handshake that was refused over HTTP counts as answered. uvicorn sends the
    refusal, does not count it as an answer, and logs an error, "without completing handshake". A
    handshake that cannot be parsed is answered too; uvicorn leaves the connection open in silence.
    """

    write_timeout_s: ClassVar[float] = WRITE_TIMEOUT_S
    on_connection_lost: Callable[[], None] = staticmethod(lambda: None)
    _abort_timer: asyncio.TimerHandle | None = None
    _is_last_timer: bool = False
    _given_bytes: int = 0
    _taken_bytes_at_timer: int = 0
    _unparsed: bytes | memoryview = b""
    _frames_in_turn: int = 0
    _slices_in_turn: int = 0
    _closing_bytes_left: int = CLOSING_BYTES
    _has_stopped_reading: bool = False
    _waits_for_writing: bool = False
    _taker: TextTaker | None = None
    _is_received_from: bool = False
    """Whether the application waits for a message."""
    _is_open: bool = False
    """Whether the handshake is complete, and no side has begun to close."""
    _is_between_messages: bool = False
    """Whether it is open, and the library is known to wait for the beginning of a message."""
    _is_writing_paused: bool = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.queue = LightQueue()
        self.writable = LightEvent()
        self.writable.set()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        with contextlib.suppress(AttributeError, OSError):
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    # --- Reading ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse `data` as far as this turn and the application go; keep the rest, and pause.

        What comes before the handshake is answered waits for that: uvicorn would answer frames
        first, and fail with an AssertionError at a malformed one.
        """
        if self._is_between_messages and self._is_taken_whole(data):
            return
        if self.pending_ping_payload is not None and self._take_pong(data):
            return
        is_early = self.handshake_initiated and not self.handshake_complete
        if is_early and not self._unparsed:
            self.transport.pause_reading()
        if self._unparsed or is_early:
            self._unparsed = bytes(self._unparsed) + data
        else:
            self._parse(data)

    def _is_taken_whole(self, data: bytes) -> bool:
        """Give the taker `data` if it is one text frame and nothing waits: nearly all that comes.

        What is unsent is within its bounds then: writing would be paused before.
        """
        taker = self._taker
        if taker is None or not self._is_received_from or self._is_writing_paused:
            return False
        if self._unparsed or self.read_paused or not self.queue.empty():
            return False
        text = self._text_at(data, 0)
        return text is not None and text[1] == len(data) and taker(text[0], b"")

    def handle_events(self) -> None:
        self._frames_in_turn += len(self.conn.events)
        super().handle_events()

    async def receive(self) -> Any:
        """Return the next message. When the application has read all, more is parsed."""
        self._is_received_from = True
        try:
            message = await self.queue.get()
        finally:
            self._is_received_from = False
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self._unparsed:
                # Not at once: the application would read on, and no other connection would run.
                self.loop.call_soon(self._parse_on)
            else:
                self.transport.resume_reading()
        return message

    def _parse(self, data: bytes | memoryview) -> None:
        self._frames_in_turn = self._slices_in_turn = 0
        view = memoryview(data)  # So that what is kept for the next turn is not copied each time.
        start = 0
        while start < len(data):
            if self.transport.is_closing():
                return
            if self.close_sent and not self._take_closing_bytes():
                return
            if self._must_wait():
                self._unparsed = view[start:]
                return
            slice_end = start + SLICE_BYTES
            start = self._take_texts(view, start, slice_end)
            if start < min(slice_end, len(data)):
                self._slices_in_turn += 1
                self._is_between_messages = False
                super().data_received(bytes(view[start:slice_end]))
                self._note_state()
                start = slice_end
        if not self.handshake_initiated:
            self._answer_broken_handshake()

    def _take_texts(self, data: memoryview, start: int, slice_end: int) -> int:
        """Pass on the whole text frames that begin in this slice (`protocol.text_frames`).

        The taker gets them while nothing waits to be read; after a few slices, or many frames,
        other connections have their turn. Returns where the first frame begins that is for the
        library, or `start`.
        """
        if not self._waits_for_message():
            return start
        before, is_queued, last = start, False, min(slice_end, len(data))
        while start < last and (text := self._text_at(data, start)) is not None:
            content, start = text
            self._frames_in_turn += 1
            # The taker's, if no message is on its way.
            taker, is_next = self._taker, self._is_received_from and self.queue.empty()
            if taker is None or not is_next or not taker(content, b""):
                is_queued = True
                self.queue.put_nowait({"type": "websocket.receive", "text": content})
        if start > before:
            self._slices_in_turn += 1
        if is_queued and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        return start

    def _waits_for_message(self) -> bool:
        """Whether it is open, and the library waits for the beginning of a message."""
        if not self._is_between_messages:
            self._is_between_messages = self._is_open and is_between_messages(self.conn)
        return self._is_between_messages

    def give_texts_to(self, taker: TextTaker | None) -> None:
        """Give each text to `taker` while the application waits in `receive`, which has those that
        it refuses.
        """
        self._taker = taker

    def _text_at(self, data: bytes | memoryview, start: int) -> tuple[str, int] | None:
        """The text of the whole frame that begins here, and its end; None for another frame."""
        extent = text_extent(data, start, is_masked=True)
        if extent is None:
            return None
        payload, end = extent
        if end > len(data) or end - payload > SHORT_FRAME_BYTES:
            return None
        mask = bytes(data[payload - MASK_BYTES : payload])
        try:
            return apply_mask(data[payload:end], mask).decode(), end
        except UnicodeDecodeError:
            return None

    def _must_wait(self) -> bool:
        """Return whether the next slice must wait; then reading is paused, and goes on by itself.

        For the application, the client or the other connections, in this order.
        """
        if self.read_paused:  # uvicorn has paused the transport until the application has read.
            return True
        self._waits_for_writing = self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES
        if not self._waits_for_writing:
            is_turn_over = self._slices_in_turn >= MAX_SLICES_PER_TURN
            if self._frames_in_turn < MAX_FRAMES_PER_TURN and not is_turn_over:
                return False
            self.loop.call_soon(self._parse_on)
        self.transport.pause_reading()
        return True

    def _parse_on(self) -> None:
        """Parse what was kept. The transport is paused."""
        if self.transport.is_closing():
            return
        data, self._unparsed = self._unparsed, b""
        self.transport.resume_reading()
        self._parse(data)

    def handle_cont(self, event: Frame) -> None:
        """Add a frame to the unfinished message, of which websockets bounds the bytes."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._forget_message()

    def _forget_message(self) -> None:
        """Release the unfinished message: the connection itself is freed only by the next full
        garbage collection. Clients that sent too much and reconnected held 75 MB in 4 s.
        """
        self.frames = []
        self._unparsed = b""
        self.conn.reader.buffer = bytearray()

    def _take_closing_bytes(self) -> bool:
        """Return whether another slice may be parsed; the first time it may not, stop reading."""
        if self._closing_bytes_left > 0:
            self._closing_bytes_left -= SLICE_BYTES
            return True
        if not self._has_stopped_reading and not self.transport.is_closing():
            self._has_stopped_reading = True
            self.transport.pause_reading()
            self._abort_when_sent(was_sent=False)
        return False

    def _abort_when_sent(self, was_sent: bool) -> None:
        """Abort if everything was sent `CLOSING_LINGER_S` ago, else look again after that time.

        uvicorn closes the connection 10 s after the close frame in any case.
        """
        if self.disconnected:
            return
        is_sent = self.transport.get_write_buffer_size() + self._unacknowledged_bytes() == 0
        if is_sent and was_sent:
            self.transport.abort()
        else:
            self.loop.call_later(CLOSING_LINGER_S, self._abort_when_sent, is_sent)

    def _unacknowledged_bytes(self) -> int:
        """What the kernel still keeps of the bytes it was given; 0 where it does not say."""
        connection = self.transport.get_extra_info("socket")
        try:
            queued = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        except (AttributeError, OSError, ValueError):
            return 0
        return int(struct.unpack("i", queued)[0])

    def _answer_broken_handshake(self) -> None:
        if self.conn.handshake_exc is not None and not self.close_sent:
            self.close_sent = True
            # Empty if it is no HTTP at all.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    # --- Writing ----------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_writing_paused = True
        if self._taken_bytes() - self._taken_bytes_at_timer >= STUCK_BYTES:
            self._cancel_timer()
        self._start_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_writing_paused = False
        # The timer runs on: the next pause and `_abort` see whether the client reads.
        if self.close_sent:
            # The close frame may still wait in what is left.
            self._cancel_timer()
            self._start_last_timer()
        if self._waits_for_writing:
            self._waits_for_writing = False
            self.loop.call_soon(self._parse_on)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        self.on_connection_lost()
        super().connection_lost(exc)
        self._note_state()
        self._forget_message()

    def schedule_ping(self) -> None:
        """Send the next ping together with other clients' (`protocol.pings`)."""
        interval_s = self.ping_interval or PING_S
        due = due_s(self.loop.time(), interval_s - self.last_ping_rtt, interval_s)
        self.ping_timer = self.loop.call_at(due, self.send_keepalive_ping)

    def send_keepalive_ping(self) -> None:
        """Send a ping, and wait for its pong; on an open connection without the library."""
        if not self._is_open or self.transport.is_closing() or not self.ping_timeout:
            super().send_keepalive_ping()
            return
        self.ping_timer = None
        self.pending_ping_payload = payload = random.getrandbits(8 * PAYLOAD_BYTES).to_bytes(
            PAYLOAD_BYTES
        )
        self.ping_sent_at = self.loop.time()
        self.transport.write(ping_frame(payload))
        self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)

    def _take_pong(self, data: bytes) -> bool:
        """Take the pong that is waited for, if it comes alone. Returns False for the parser."""
        payload = self.pending_ping_payload
        if payload is None or self._unparsed or not is_masked_pong(data, payload):
            return False
        if not self._waits_for_message():
            return False
        self.handle_pong(Frame(Opcode.PONG, payload))
        return True

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._note_state()
        self._start_last_timer()

    async def send(self, message: Any) -> None:
        """Send, and parse what waited for this message: the answer to the handshake, or a close
        frame, after which uvicorn reads on. What was kept may have the client's reply to that.
        """
        if self._is_open and (text := message.get("text")) is not None:
            await self._send_text(text)
            return
        was_paused, was_complete = self.read_paused, self.handshake_complete
        self._given_bytes += len(message.get("text") or message.get("bytes") or b"")
        try:
            await super().send(message)
        finally:
            self._note_state()
        if self.handshake_complete and not was_complete:
            self._forget_handshake()
        is_resumed = was_paused and not self.read_paused
        if not self._unparsed or self.transport.is_closing():
            return
        if is_resumed:
            self.transport.pause_reading()
        if is_resumed or (self.handshake_complete and not was_complete):
            self.loop.call_soon(self._parse_on)

    def _forget_handshake(self) -> None:
        """Release the headers, of which the application has its own: a browser sends 1 to 3 KB."""
        self.request.headers.clear()
        self.response.headers.clear()

    def shutdown(self) -> None:
        super().shutdown()
        self._note_state()

    def _note_state(self) -> None:
        """Note whether texts can be read and written without the library, which has just run."""
        is_here = self.handshake_complete and not self.close_sent and not self.disconnected
        self._is_open = is_here and self.conn.state is State.OPEN
        self._is_between_messages = self._is_between_messages and self._is_open

    async def _send_text(self, text: str) -> None:
        """Send a text; waits while the client does not read."""
        if not self.writable.is_set():
            await self.writable.wait()
            if not self._is_open:
                raise ClientDisconnected
        self.send_now(text)

    @property
    def can_send_now(self) -> bool:
        """Whether a text can be sent without waiting."""
        return self._is_open and not self._is_writing_paused

    def send_now(self, text: str) -> None:
        """Send a text on an open connection."""
        payload = text.encode()
        self.send_frame_now(text_head(len(payload)) + payload)

    def send_frame_now(self, frame: bytes) -> None:
        """Send a whole text frame on an open connection."""
        self._given_bytes += len(frame)
        self.transport.write(frame)

    async def run_asgi(self) -> None:
        application = self.app

        async def mark_refusal_as_answer(scope: Any, receive: Any, send: Any) -> Any:
            result = await application(scope, receive, send)
            # Before the handshake, `close_sent` is set only when a complete refusal was sent.
            self.handshake_complete = self.handshake_complete or self.close_sent
            return result

        self.app = mark_refusal_as_answer
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[DIRECT_TEXT] = self
        await super().run_asgi()
        # They would keep each other from being freed.
        del extensions[DIRECT_TEXT]
        self._taker = None
        # The unsent bytes may be below the high-water mark: then writing was never paused, and the
        # close frame still waits for a client that does not read.
        self._start_last_timer()

    def _start_timer(self) -> None:
        if self._abort_timer is None and not self.disconnected:
            self._taken_bytes_at_timer = self._taken_bytes()
            self._abort_timer = self.loop.call_later(self.write_timeout_s, self._abort)

    def _taken_bytes(self) -> int:
        """What the kernel has taken, as far as it is counted: nearly all of it is texts."""
        return self._given_bytes - self.transport.get_write_buffer_size()

    def _start_last_timer(self) -> None:
        """Start the timer of a connection that is over. One that runs because the client does not
        read goes on, and aborts it earlier.
        """
        self._is_last_timer = True
        if self.writable.is_set():
            self._cancel_timer()
        self._start_timer()

    def _cancel_timer(self) -> None:
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None

    def _abort(self) -> None:
        """Abort, unless the client has read meanwhile and its call goes on."""
        self._abort_timer = None
        if self.writable.is_set() and not self._is_last_timer:
            return
        unsent_bytes = self.transport.get_write_buffer_size()
        log_event(
            _logger,
            logging.WARNING,
            "socket.write_timeout",
            wait_s=self.write_timeout_s,
            bytes=unsent_bytes,
        )
        self.transport.abort()
