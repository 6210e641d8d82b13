"""The client connection with a short way for text frames, against the library's own."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from backend.upstream.text_connection import MASKS_AT_ONCE, Masks, TextConnection

MAX_BYTES = 3000


class Transport:
    """Notes what the connection does to its socket."""

    def __init__(self) -> None:
        self.is_reading = True
        self.is_closed = False
        self.written = b""

    def pause_reading(self) -> None:
        assert self.is_reading
        self.is_reading = False

    def resume_reading(self) -> None:
        assert not self.is_reading
        self.is_reading = True

    def set_write_buffer_limits(self, high: int, low: int | None) -> None:
        return None

    def write(self, data: bytes) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed


Connection = Callable[..., ClientConnection]


def opened(kind: Connection = TextConnection) -> tuple[Any, Transport]:
    """A connection after its handshake, on a transport that does nothing."""
    protocol = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN, max_size=MAX_BYTES)
    connection, transport = kind(protocol, max_queue=4, close_timeout=0.05), Transport()
    connection.connection_made(cast(asyncio.Transport, transport))
    # As after the answer to the handshake.
    connection.response = cast(Any, object())
    return connection, transport


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False, extensions=[])


def text(content: str) -> bytes:
    return frame(Opcode.TEXT, content.encode())


FRAGMENTED = (
    frame(Opcode.TEXT, b"one ", fin=False) + frame(Opcode.PING, b"p") + frame(Opcode.CONT, b"two")
)
BLOCKS = (
    text("a"), text("日本語"), text(""), text("b" * 126), text("c" * 2000), text("d") * 3,
    frame(Opcode.PING, b"ping"), frame(Opcode.PONG, b"pong"), frame(Opcode.BINARY, b"bytes"),
    # Their payloads look like the head of a text frame.
    frame(Opcode.PING, b"\x81\x02hi"), frame(Opcode.PONG, b"\x81\x00"),
    frame(Opcode.BINARY, b"\x81\x01x" * 100),
    FRAGMENTED, frame(Opcode.TEXT, "語".encode()[:1], fin=False)
    + frame(Opcode.CONT, "語".encode()[1:]),
)  # fmt: skip
ENDS = {
    "closed": frame(Opcode.CLOSE, Close(4000, "over").serialize()),
    "too large": text("x" * (MAX_BYTES + 1)),
    "not UTF-8": frame(Opcode.TEXT, b"\xff\xfe"),
    "masked": Frame(Opcode.TEXT, b"x").serialize(mask=True, extensions=[]),
    "with a reserved bit": b"\xc1\x01x",
    "a continuation of nothing": frame(Opcode.CONT, b"x"),
    "in the middle of a text": text("unfinished")[:-3],
}


async def run(
    kind: Connection, stream: bytes, chance: random.Random
) -> tuple[list[object], bytes, int | None, int | None]:
    """Feed the stream in chunks, and read at random. Returns the messages, what was written, and
    the codes of the two sides' close frames.
    """
    connection, transport = opened(kind)
    messages: list[object] = []

    async def read() -> None:
        while True:
            if chance.random() < 0.3:
                await asyncio.sleep(0)
            messages.append(await connection.recv())

    reading = asyncio.create_task(read())
    while stream:
        size = chance.choice((1, 2, 3, 50, 5000))
        connection.data_received(stream[:size])
        stream = stream[size:]
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)
    connection.eof_received()
    connection.connection_lost(None)
    with pytest.raises(ConnectionClosed):
        await reading
    protocol = connection.protocol
    theirs, ours = code_of(protocol.close_rcvd), code_of(protocol.close_sent)
    return messages, unmasked(transport.written), theirs, ours


def code_of(close: Close | None) -> int | None:
    return None if close is None else int(close.code)


def unmasked(written: bytes) -> bytes:
    """What was written, without the masks, which are random."""
    plain, reader = b"", memoryview(written)
    while reader:
        head, length = 2, reader[1] & 0x7F
        if length >= 126:
            head = 4 if length == 126 else 10
            length = int.from_bytes(reader[2:head], "big")
        mask, payload = reader[head : head + 4], reader[head + 4 : head + 4 + length]
        plain += bytes(reader[:head]) + bytes(
            byte ^ mask[place % 4] for place, byte in enumerate(payload)
        )
        reader = reader[head + 4 + length :]
    return plain


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("seed", range(20))
async def test_every_stream_gives_what_the_library_gives(end: str, seed: int) -> None:
    blocks = random.Random(seed).choices(BLOCKS, k=14)
    stream = b"".join(blocks) + ENDS[end]
    ours = await run(TextConnection, stream, random.Random(seed))
    assert ours == await run(ClientConnection, stream, random.Random(seed + 1000))
    assert len(ours[0]) > 5


def chunks_of(blocks: list[bytes], chance: random.Random) -> list[bytes]:
    """The blocks as they come: mostly whole; some are cut, and some come together."""
    chunks = [b""]
    for block in blocks:
        cut = chance.randrange(len(block)) if chance.random() < 0.2 else 0
        chunks[-1] += block[:cut]
        if chance.random() < 0.8:
            chunks.append(b"")
        chunks[-1] += block[cut:]
    return chunks


async def run_with_taker(blocks: list[bytes], chance: random.Random) -> tuple[list[object], int]:
    """As `run`, with a taker that takes some of what it is given. Returns all messages in the order
    in which they were handled, and how many were taken.
    """
    connection, _ = opened()
    messages: list[object] = []
    taken: list[str] = []

    def take(text: str, whole: bytes) -> bool:
        assert whole == frame(Opcode.TEXT, text.encode())
        if chance.random() < 0.3:
            return False
        taken.append(text)
        messages.append(text)
        return True

    async def read() -> None:
        while True:
            if chance.random() < 0.3:
                await asyncio.sleep(0)
            messages.append(await connection.recv())

    connection.give_texts_to(take)
    reading = asyncio.create_task(read())
    for chunk in chunks_of(blocks, chance):
        connection.data_received(chunk)
        for _ in range(chance.choice((0, 1, 2, 9))):
            await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)
    connection.eof_received()
    connection.connection_lost(None)
    with pytest.raises(ConnectionClosed):
        await reading
    return messages, len(taken)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("seed", range(20))
async def test_a_taker_and_the_reader_get_every_message_once_and_in_order(
    end: str, seed: int
) -> None:
    blocks = random.Random(seed).choices(BLOCKS, k=14)
    blocks.append(ENDS[end])
    library = await run(ClientConnection, b"".join(blocks), random.Random(seed))
    messages, _ = await run_with_taker(blocks, random.Random(seed))
    assert messages == library[0]


async def test_a_taker_gets_a_good_part_of_the_texts() -> None:
    streams = [random.Random(seed).choices(BLOCKS, k=14) for seed in range(20)]
    runs = [await run_with_taker(blocks, random.Random(1)) for blocks in streams]
    assert sum(taken for _, taken in runs) > 0.2 * sum(len(messages) for messages, _ in runs)


async def test_a_reader_is_not_woken_for_what_is_taken() -> None:
    connection, _ = opened()
    taken: list[str] = []

    def take(text: str, whole: bytes) -> bool:
        assert whole == frame(Opcode.TEXT, text.encode())
        taken.append(text)
        return True

    connection.give_texts_to(take)
    connection.data_received(text("nobody reads yet"))
    assert await connection.recv() == "nobody reads yet"
    reading = asyncio.create_task(connection.recv())
    await asyncio.sleep(0)
    connection.data_received(text("a") + frame(Opcode.PING, b"p") + text("b"))
    connection.data_received(text("c"))
    # "b" came behind another kind of frame, through the library, and "c" behind "b".
    assert taken == ["a"]
    assert await reading == "b"
    assert await connection.recv() == "c"
    reading = asyncio.create_task(connection.recv())
    await asyncio.sleep(0)
    connection.data_received(text("d"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert taken == ["a", "d"]
    assert not reading.done()
    connection.give_texts_to(None)
    connection.data_received(text("e"))
    assert await reading == "e"


async def test_nothing_can_be_sent_now_while_the_other_side_does_not_read() -> None:
    connection, transport = opened()
    assert connection.can_send_now
    connection.pause_writing()
    assert not connection.can_send_now
    connection.resume_writing()
    assert connection.can_send_now
    transport.close()
    assert not connection.can_send_now
    connection, _ = opened()
    connection.data_received(ENDS["closed"])
    assert not connection.can_send_now


async def by_their_close(connection: TextConnection) -> None:
    connection.data_received(ENDS["closed"])


async def by_our_close(connection: TextConnection) -> None:
    closing = asyncio.create_task(connection.close())
    await asyncio.sleep(0)
    closing.cancel()


async def by_a_missing_pong(connection: TextConnection) -> None:
    # As `keepalive` does.
    connection.protocol.fail(1011, "keepalive ping timeout")
    connection.send_data()


async def by_their_fault(connection: TextConnection) -> None:
    connection.data_received(ENDS["with a reserved bit"])


async def by_the_end_of_the_stream(connection: TextConnection) -> None:
    connection.eof_received()


async def by_the_loss_of_the_connection(connection: TextConnection) -> None:
    connection.connection_lost(ConnectionResetError())


@pytest.mark.parametrize(
    ("end", "may_more_come"),
    [
        (by_their_close, True),
        (by_our_close, True),
        (by_a_missing_pong, True),
        (by_their_fault, True),
        (by_the_end_of_the_stream, False),
        (by_the_loss_of_the_connection, False),
    ],
)
async def test_after_its_end_nothing_goes_past_the_library(
    end: Callable[[TextConnection], Awaitable[None]], may_more_come: bool
) -> None:
    connection, _ = opened()
    taken: list[str] = []

    def take(text: str, _: bytes) -> bool:
        taken.append(text)
        return True

    connection.give_texts_to(take)
    reading = asyncio.create_task(connection.recv())
    await asyncio.sleep(0)
    connection.data_received(text("a"))
    assert connection.can_send_now
    await end(connection)
    assert not connection.can_send_now
    if may_more_come:
        connection.data_received(text("late"))
    assert taken == ["a"]
    if not connection.connection_lost_waiter.done():
        connection.connection_lost(None)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionClosed):
            assert await reading == "late"
        with pytest.raises(ConnectionClosed):
            await connection.recv()


async def test_a_length_that_looks_like_a_text_frame_is_none() -> None:
    connection, _ = opened()
    connection.protocol.max_message_size = None
    whole = text("x" * 0x817A)
    for chunk in (whole[:2], whole[2:], text("after")):
        connection.data_received(chunk)
    assert await connection.recv() == "x" * 0x817A
    assert await connection.recv() == "after"


async def test_what_it_sends_is_what_the_library_sends() -> None:
    written = []
    for kind in (TextConnection, ClientConnection):
        connection, transport = opened(kind)
        send = getattr(connection, "send_text", connection.send)
        for content in ("", "a", "日本語", "b" * 126, "c" * 70_000):
            await send(content)
        written.append(unmasked(transport.written))
    assert written[0] == written[1]


async def test_nothing_is_sent_after_the_close() -> None:
    connection, transport = opened()
    connection.data_received(ENDS["closed"])
    connection.connection_lost(None)
    written = transport.written
    with pytest.raises(ConnectionClosed):
        await connection.send_text("late")
    assert transport.written == written


async def test_a_send_waits_until_the_other_side_reads() -> None:
    connection, _ = opened()
    connection.pause_writing()
    sending = asyncio.create_task(connection.send_text("a"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not sending.done()
    connection.resume_writing()
    await sending


async def test_reading_pauses_while_messages_wait_and_goes_on_after_them() -> None:
    connection, transport = opened()
    connection.data_received(text("a") * 5 + text("unfinished")[:-1])
    assert not transport.is_reading
    for _ in range(3):
        await connection.recv()
        assert not transport.is_reading
    await connection.recv()
    assert transport.is_reading


async def test_a_cancelled_reader_loses_nothing() -> None:
    connection, _ = opened()
    reading = asyncio.create_task(connection.recv())
    await asyncio.sleep(0)
    reading.cancel()
    connection.data_received(text("a"))
    assert await connection.recv() == "a"


def test_no_mask_comes_twice() -> None:
    masks = Masks()
    drawn = [masks.next() for _ in range(2 * MASKS_AT_ONCE)]
    assert {len(mask) for mask in drawn} == {4}
    assert len(set(drawn)) > 0.99 * len(drawn)


class TimerHandle:
    """Cancels a timer of a `Clock`; does nothing once it has come."""

    def __init__(self, timers: list[Any], timer: Any) -> None:
        self._timers, self._timer = timers, timer

    def cancel(self) -> None:
        if self._timer in self._timers:
            self._timers.remove(self._timer)


class Clock:
    """The loop's time and timers, as a test moves them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.25
        self.timers: list[tuple[float, Callable[[], None]]] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now_s)
        monkeypatch.setattr(loop, "call_at", self.call_at)
        monkeypatch.setattr(loop, "call_later", lambda s, work: self.call_at(self.now_s + s, work))

    def call_at(self, when_s: float, work: Callable[[], None]) -> Any:
        timer = (when_s, work)
        self.timers.append(timer)
        return TimerHandle(self.timers, timer)

    def due(self) -> float:
        """When the only timer is due."""
        ((when_s, _),) = self.timers
        return when_s

    def turn(self) -> None:
        """Let the only timer come."""
        ((self.now_s, work),) = self.timers
        self.timers.clear()
        work()


def pinging(clock: Clock) -> tuple[Any, Transport]:
    """A connection that has just been opened, and pings every 20 s."""
    connection, transport = opened()
    connection.ping_interval = connection.ping_timeout = 20.0
    connection.start_keepalive()
    assert clock.due() == 120.0
    return connection, transport


def payload_of(ping: bytes) -> bytes:
    """What a ping of the connection carries."""
    head, mask, masked = ping[:2], ping[2:6], ping[6:]
    assert head == b"\x89\x84"
    return bytes(one ^ other for one, other in zip(masked, mask, strict=True))


IN_PARTS = {
    "alone": lambda pong: [pong],
    "after a text": lambda pong: [text("a") + pong],
    "before a text": lambda pong: [pong + text("a")],
    "in two parts": lambda pong: [pong[:3], pong[3:]],
    "between the parts of a message": lambda pong: [
        frame(Opcode.TEXT, b"a", fin=False), pong, frame(Opcode.CONT, b"b"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("way", IN_PARTS)
async def test_a_ping_that_is_answered_is_followed_by_the_next(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        connection, transport = pinging(clock)
        for due_s in (120.0, 140.0, 160.0):
            assert clock.due() == due_s
            clock.turn()
            pong, transport.written = frame(Opcode.PONG, payload_of(transport.written)), b""
            clock.now_s += 0.5
            for part in IN_PARTS[way](pong):
                connection.data_received(part)
        assert connection.latency == 0.5
        connection.connection_lost(None)
        assert not clock.timers


async def test_a_text_with_the_bytes_of_a_pong_is_no_pong(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        connection, transport = pinging(clock)
        clock.turn()
        pong = frame(Opcode.PONG, payload_of(transport.written))
        connection.data_received(frame(Opcode.BINARY, pong)[:2])
        connection.data_received(pong)
        assert clock.due() == 140.0, "the end of the wait"
        assert connection.latency == 0.0
        assert await connection.recv() == pong
        connection.connection_lost(None)


async def test_another_pong_than_the_awaited_one_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        connection, _ = pinging(clock)
        connection.data_received(frame(Opcode.PONG, b"none"))
        assert clock.due() == 120.0
        clock.turn()
        for other in (b"none", b"", b"longer than ours"):
            connection.data_received(frame(Opcode.PONG, other))
        assert clock.due() == 140.0
        connection.connection_lost(None)


async def test_a_connection_without_a_pong_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        connection, transport = pinging(clock)
        clock.turn()
        transport.written = b""
        clock.turn()
        assert clock.now_s == 140.0
    await asyncio.sleep(0)
    assert transport.written[:2] == b"\x88\x98", "a close frame with a reason of 22 bytes"
    connection.connection_lost(None)
    with pytest.raises(ConnectionClosed) as caught:
        await connection.recv()
    assert caught.value.sent == Close(1011, "keepalive ping timeout")


async def test_no_ping_waits_behind_what_the_provider_does_not_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        connection, transport = pinging(clock)
        connection.pause_writing()
        clock.turn()
        assert not transport.written
        assert clock.due() == 121.0
        connection.resume_writing()
        clock.turn()
        assert transport.written
        assert clock.due() == 141.0
        connection.connection_lost(None)


async def test_a_connection_that_is_closing_is_not_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        connection, transport = pinging(clock)
        transport.close()
        clock.turn()
        assert not transport.written
        assert not clock.timers
        connection.connection_lost(None)


async def test_without_an_interval_there_are_no_pings() -> None:
    connection, _ = opened()
    connection.ping_interval = None
    connection.start_keepalive()
    connection.connection_lost(None)
