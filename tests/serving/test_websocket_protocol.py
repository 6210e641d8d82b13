"""uvicorn's WebSocket protocol with our bounds, on a transport that does nothing."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Close, Frame, Opcode

from backend.protocol.text_frames import DIRECT_TEXT, text_head
from backend.relay.limits import DEFAULT_LIMITS
from backend.serving.websocket_protocol import (
    CLOSING_BYTES,
    MAX_FRAGMENTS,
    MAX_FRAMES_PER_TURN,
    MAX_MESSAGE_BYTES,
    MAX_SLICES_PER_TURN,
    MAX_UNSENT_BYTES,
    SEND_BUFFER_BYTES,
    SLICE_BYTES,
    STUCK_BYTES,
    WRITE_TIMEOUT_S,
    BoundedWebSocketProtocol,
)
from backend.websocket_parser import apply_mask
from tests.serving.equipment import server_process

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT_FRAMES_OF_A_SLICE = -(-SLICE_BYTES // 7)


def test_a_client_that_does_not_read_is_disconnected_within_12_s() -> None:
    assert DEFAULT_LIMITS.stuck_send_s + DEFAULT_LIMITS.tick_s < WRITE_TIMEOUT_S < 12
    assert BoundedWebSocketProtocol.write_timeout_s == WRITE_TIMEOUT_S


def test_the_relays_limit_is_reached_before_the_servers() -> None:
    assert 2 * DEFAULT_LIMITS.frame_bytes <= MAX_MESSAGE_BYTES


class Transport:
    """Notes what the protocol does to its connection."""

    def __init__(self) -> None:
        self.is_reading = True
        self.is_aborted = self.is_closed = False
        self.written = b""
        self.unsent_bytes = 0

    def pause_reading(self) -> None:
        # uvloop does not say what a second pause does.
        assert self.is_reading
        self.is_reading = False

    def resume_reading(self) -> None:
        assert not self.is_reading
        self.is_reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def get_extra_info(self, name: str) -> Any:
        return None


class Application:
    """Accepts, and reads only what a test asks for."""

    def __init__(self) -> None:
        self.receive: Any = None
        self.send: Any = None
        self.is_over = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.receive, self.send = receive, send
        await receive()
        await send({"type": "websocket.accept"})
        await self.is_over.wait()


async def turns_until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition is true."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition was not met in 10,000 turns")


async def begun(
    transport: Transport | None = None,
) -> tuple[BoundedWebSocketProtocol, Transport, Application]:
    """A connection whose handshake is not answered yet."""
    application, transport = Application(), transport or Transport()
    config = uvicorn.Config(application, lifespan="off", ws_per_message_deflate=False)
    config.load()
    config.loaded_app = application
    protocol = BoundedWebSocketProtocol(config, ServerState(), {})
    protocol.connection_made(cast(asyncio.Transport, transport))
    protocol.data_received(HANDSHAKE)
    return protocol, transport, application


async def opened() -> tuple[BoundedWebSocketProtocol, Transport, Application]:
    """A connection whose handshake is complete."""
    protocol, transport, application = await begun()
    await turns_until(lambda: protocol.handshake_complete)
    return protocol, transport, application


def frame(data: bytes = b"", opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, data, fin).serialize(mask=True)


def text_frames(texts: Iterable[str]) -> bytes:
    return b"".join(frame(text.encode()) for text in texts)


async def test_one_turn_parses_a_slice_and_the_rest_waits_for_the_application() -> None:
    protocol, transport, _ = await opened()
    protocol.data_received(text_frames(["a"] * 10_000))
    assert protocol.queue.qsize() <= TEXT_FRAMES_OF_A_SLICE
    for _ in range(5):
        await asyncio.sleep(0)
    assert protocol.queue.qsize() <= TEXT_FRAMES_OF_A_SLICE
    assert not transport.is_reading


async def test_an_application_that_reads_on_lets_the_loop_run_in_between() -> None:
    protocol, transport, application = await opened()
    texts = [str(number) for number in range(3000)]
    protocol.data_received(text_frames(texts))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    assert [(await application.receive())["text"] for _ in texts] == texts
    assert turns >= len(text_frames(texts)) // SLICE_BYTES
    assert transport.is_reading
    counting.cancel()


async def test_parts_of_a_large_frame_have_turns_too() -> None:
    protocol, transport, _ = await opened()
    protocol.data_received(frame(b"x" * 300_000)[:200_000])
    assert not transport.is_reading
    assert len(protocol.conn.reader.buffer) <= MAX_SLICES_PER_TURN * SLICE_BYTES
    await turns_until(lambda: transport.is_reading)
    assert len(protocol.conn.reader.buffer) > 190_000


async def test_a_message_that_is_too_large_is_forgotten_when_it_is_refused() -> None:
    protocol, transport, _ = await opened()
    protocol.data_received(frame(b"x" * 4_000, fin=False))
    for _ in range(MAX_FRAGMENTS - 1):
        protocol.data_received(frame(b"x" * 4_000, Opcode.CONT, fin=False))
    assert not transport.is_closed
    assert len(protocol.frames) == MAX_FRAGMENTS
    protocol.data_received(frame(b"x" * 4_000, Opcode.CONT, fin=False))
    assert transport.is_closed
    assert protocol.frames == []


async def test_an_unfinished_message_is_forgotten_with_its_connection() -> None:
    protocol, _, _ = await opened()
    protocol.data_received(frame(b"x" * 4_000, fin=False) + frame(b"x" * 4_000)[:2_000])
    protocol.connection_lost(None)
    assert protocol.frames == []
    assert not protocol.conn.reader.buffer


async def test_control_frames_have_turns_too() -> None:
    protocol, transport, _ = await opened()
    pings = frame(opcode=Opcode.PING) * 5000
    protocol.data_received(pings)
    assert len(transport.written) < 2 * 2 * (MAX_FRAMES_PER_TURN + TEXT_FRAMES_OF_A_SLICE)
    assert not transport.is_reading
    await turns_until(lambda: transport.is_reading)
    assert transport.written.count(b"\x8a\x00") == 5000


@pytest.mark.parametrize("size", [1, SLICE_BYTES, 300_000])
async def test_a_message_arrives_whole_however_it_is_cut(size: int) -> None:
    protocol, _, application = await opened()
    data = frame(b"x" * size) + frame(b"after")
    for start in range(0, len(data), 70_001):
        protocol.data_received(data[start : start + 70_001])
    assert len((await application.receive())["text"]) == size
    assert (await application.receive())["text"] == "after"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40, 10_000])
async def test_messages_of_all_kinds_come_in_their_order_however_they_are_cut(size: int) -> None:
    protocol, transport, application = await opened()
    data = (
        frame(b"one") + frame("二".encode()[:1], fin=False) + frame(opcode=Opcode.PING)
        + frame("二".encode()[1:], Opcode.CONT) + frame(b"three") + frame(b"4", Opcode.BINARY)
        + frame(b"") + frame(b"x" * 20_000) + frame("七".encode())
    )  # fmt: skip
    for start in range(0, len(data), size):
        protocol.data_received(data[start : start + size])
    messages = [await application.receive() for _ in range(7)]
    assert [message.get("text") or message.get("bytes") for message in messages] == [
        "one", "二", "three", b"4", None, "x" * 20_000, "七",
    ]  # fmt: skip
    assert transport.written.endswith(b"\x8a\x00")


@pytest.mark.parametrize("seed", range(40))
async def test_a_taker_and_the_reader_get_every_message_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    protocol, transport, application = await opened()
    ping, pong = frame(b"p", Opcode.PING), frame(b"q", Opcode.PONG)
    kinds: list[tuple[bytes, list[str | bytes]]] = [
        (frame(b"one"), ["one"]), (frame(b""), [""]), (frame("二".encode()), ["二"]),
        (text_frames("abc" * 60), list("abc" * 60)), (frame(b"x" * 2600), ["x" * 2600]),
        (frame(b"x" * 20_000), ["x" * 20_000]), (frame(b"4", Opcode.BINARY), [b"4"]),
        (ping, []), (pong, []),
        (frame(b"5", fin=False) + ping + frame(b"6", Opcode.CONT), ["56"]),
    ]  # fmt: skip
    chosen = chance.choices(kinds, k=30)
    chunks = [bytearray()]
    for each, _ in chosen:
        # Mostly whole frames, as they come; some are cut, and some come together.
        cut = chance.randrange(len(each)) if chance.random() < 0.2 else 0
        chunks[-1] += each[:cut]
        if chance.random() < 0.8:
            chunks.append(bytearray())
        chunks[-1] += each[cut:]
    expected = [message for _, messages in chosen for message in messages]
    messages: list[str | bytes] = []
    taken: list[str] = []

    def take(text: str, whole: bytes) -> bool:
        assert not whole  # It has a mask.
        if chance.random() < 0.2:
            return False
        taken.append(text)
        messages.append(text)
        return True

    async def read() -> None:
        while True:
            message = await application.receive()
            text = message.get("text")
            messages.append(message["bytes"] if text is None else text)
            if chance.random() < 0.3:
                await asyncio.sleep(0)

    protocol.give_texts_to(take)
    reading = asyncio.create_task(read())
    for chunk in chunks:
        await turns_until(lambda: transport.is_reading)
        protocol.data_received(bytes(chunk))
        for _ in range(chance.choice((0, 1, 3, 20))):
            await asyncio.sleep(0)
    await turns_until(lambda: len(messages) >= len(expected))
    assert messages == expected
    assert taken
    reading.cancel()


async def test_a_client_that_sends_much_at_once_lets_others_have_their_turn() -> None:
    protocol, transport, application = await opened()
    reading = asyncio.create_task(application.receive())
    await asyncio.sleep(0)
    taken: list[str] = []

    def take(text: str, whole: bytes) -> bool:
        assert not whole  # It has a mask.
        taken.append(text)
        return True

    protocol.give_texts_to(take)
    protocol.data_received(frame(b"x" * 2600) * 90)
    assert len(taken) == MAX_SLICES_PER_TURN
    assert not transport.is_reading
    await asyncio.sleep(0)
    assert len(taken) == 2 * MAX_SLICES_PER_TURN
    await turns_until(lambda: transport.is_reading)
    assert len(taken) == 90
    protocol.data_received(text_frames("a" * 3000))
    assert len(taken) <= 90 + MAX_FRAMES_PER_TURN + TEXT_FRAMES_OF_A_SLICE
    assert not reading.done()
    reading.cancel()


async def test_a_text_can_be_sent_now_while_the_client_reads() -> None:
    protocol, transport, application = await opened()
    assert protocol.can_send_now
    protocol.send_now("at once")
    assert transport.written.endswith(b"\x81\x07at once")
    protocol.send_frame_now(b"\x81\x08as it is")
    assert transport.written.endswith(b"\x81\x08as it is")
    protocol.pause_writing()
    assert not protocol.can_send_now
    protocol.resume_writing()
    assert protocol.can_send_now
    await application.send({"type": "websocket.close", "code": 1000})
    assert not protocol.can_send_now
    application.is_over.set()


def taken_from(protocol: BoundedWebSocketProtocol) -> list[str]:
    """The texts that a taker gets from now on."""
    taken: list[str] = []

    def take(text: str, _: bytes) -> bool:
        taken.append(text)
        return True

    protocol.give_texts_to(take)
    return taken


async def by_their_close(protocol: BoundedWebSocketProtocol, application: Application) -> None:
    protocol.data_received(frame(b"\x03\xe8", Opcode.CLOSE))


async def by_our_close(protocol: BoundedWebSocketProtocol, application: Application) -> None:
    await application.send({"type": "websocket.close", "code": 4000})


async def by_our_shutdown(protocol: BoundedWebSocketProtocol, application: Application) -> None:
    protocol.shutdown()


async def by_a_missing_pong(protocol: BoundedWebSocketProtocol, application: Application) -> None:
    protocol.keepalive_timeout()


async def by_their_fault(protocol: BoundedWebSocketProtocol, application: Application) -> None:
    protocol.data_received(b"\xc1\x81\0\0\0\0x")


async def by_the_loss_of_the_connection(
    protocol: BoundedWebSocketProtocol, application: Application
) -> None:
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    "end",
    [
        by_their_close, by_our_close, by_our_shutdown, by_a_missing_pong, by_their_fault,
        by_the_loss_of_the_connection,
    ],
)  # fmt: skip
async def test_after_its_end_nothing_goes_past_the_library(
    end: Callable[[BoundedWebSocketProtocol, Application], Awaitable[None]],
) -> None:
    protocol, _, application = await opened()
    taken = taken_from(protocol)
    reading = asyncio.create_task(application.receive())
    await asyncio.sleep(0)
    protocol.data_received(frame(b"a"))
    assert taken == ["a"]
    assert protocol.can_send_now
    await end(protocol, application)
    assert not protocol.can_send_now
    protocol.data_received(frame(b"late"))
    assert taken == ["a"]
    if not protocol.disconnected:
        protocol.connection_lost(None)
    assert (await reading)["type"] == "websocket.disconnect"
    application.is_over.set()


async def test_a_text_does_not_overtake_what_the_application_has_not_read() -> None:
    protocol, transport, application = await opened()
    taken = taken_from(protocol)
    reading = asyncio.create_task(application.receive())
    await asyncio.sleep(0)
    # The task that reads is woken by this one, and has not run.
    protocol.data_received(frame(b"first", Opcode.BINARY))
    protocol.data_received(frame(b"second"))
    assert taken == []
    assert (await reading)["bytes"] == b"first"
    assert (await application.receive())["text"] == "second"
    await turns_until(lambda: transport.is_reading)
    application.is_over.set()


async def test_a_client_that_reads_nothing_is_read_no_further() -> None:
    protocol, transport, application = await opened()
    taken = taken_from(protocol)
    reading = asyncio.create_task(application.receive())
    await asyncio.sleep(0)
    protocol.data_received(frame(b"a"))
    transport.unsent_bytes = MAX_UNSENT_BYTES + 1
    protocol.pause_writing()
    protocol.data_received(frame(b"b"))
    assert taken == ["a"]
    assert not transport.is_reading
    transport.unsent_bytes = 0
    protocol.resume_writing()
    await turns_until(lambda: transport.is_reading)
    assert taken == ["a", "b"]
    reading.cancel()
    application.is_over.set()


async def test_the_application_finds_the_direct_way_in_its_scope() -> None:
    protocol, _, application = await opened()
    extensions: dict[str, Any] = protocol.scope["extensions"]
    assert extensions[DIRECT_TEXT] is protocol
    application.is_over.set()
    await turns_until(lambda: DIRECT_TEXT not in extensions)


@pytest.mark.parametrize("head_bytes", [2, 4, 8])
async def test_a_payload_that_looks_like_a_frame_after_its_head_alone_is_none(
    head_bytes: int,
) -> None:
    protocol, transport, application = await opened()
    payload = b'{"type":"x"}' + b"y" * 200
    mask = apply_mask(payload[:2], b"\x81\x80\x00\x00") + b"zz"
    data = text_head(len(payload), mask) + apply_mask(payload, mask)
    assert data[8:10] == b"\x81\x80"
    protocol.data_received(data[:head_bytes])
    protocol.data_received(data[head_bytes:])
    protocol.data_received(frame(b"after"))
    texts = [(await application.receive())["text"] for _ in range(2)]
    assert texts == [payload.decode(), "after"]
    assert not transport.is_closed


async def test_a_close_behind_short_texts_is_known_in_the_same_turn() -> None:
    protocol, _, application = await opened()
    protocol.data_received(text_frames("abc") + frame(opcode=Opcode.CLOSE))
    types = [protocol.queue.get_nowait()["type"] for _ in range(4)]
    assert types == ["websocket.receive"] * 3 + ["websocket.disconnect"]
    application.is_over.set()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(b"\xff\xfe"), 1007),
        (Frame(Opcode.TEXT, b"unmasked").serialize(mask=False), 1002),
    ],
)
async def test_a_bad_text_frame_closes_the_connection(bad: bytes, code: int) -> None:
    protocol, transport, application = await opened()
    protocol.data_received(frame(b"good") + bad)
    assert (await application.receive())["text"] == "good"
    await turns_until(lambda: transport.is_closed)
    assert transport.written.endswith(protocol.conn.close_sent.serialize())  # type: ignore[union-attr]
    assert protocol.conn.close_sent is not None
    assert protocol.conn.close_sent.code == code


@pytest.mark.parametrize("size", [0, 125, 126, 65_536])
async def test_a_text_is_sent_in_one_frame(size: int) -> None:
    _, transport, application = await opened()
    before = len(transport.written)
    await application.send({"type": "websocket.send", "text": "é" * size})
    sent = Frame(Opcode.TEXT, ("é" * size).encode()).serialize(mask=False)
    assert transport.written[before:] == sent


async def test_after_the_close_frame_only_the_clients_reply_is_looked_for() -> None:
    protocol, transport, application = await opened()
    await application.send({"type": "websocket.close", "code": 4401})
    protocol.data_received(frame(b"late" * 500) + frame(opcode=Opcode.CLOSE))
    assert transport.is_closed
    assert not transport.is_aborted


async def test_a_refused_client_that_sends_on_is_not_parsed_and_is_aborted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    protocol, transport, application = await opened()
    await application.send({"type": "websocket.close", "code": 4401})
    parsed = 0
    receive_data = protocol.conn.receive_data

    def counted(data: bytes) -> None:
        nonlocal parsed
        parsed += len(data)
        receive_data(data)

    monkeypatch.setattr(protocol.conn, "receive_data", counted)
    monkeypatch.setattr("backend.serving.websocket_protocol.CLOSING_LINGER_S", 0.0)
    flood = frame() * 50_000
    protocol.data_received(flood)
    await turns_until(lambda: transport.is_aborted)
    assert parsed <= CLOSING_BYTES + SLICE_BYTES
    assert not transport.is_reading


async def test_a_client_that_sends_on_has_the_time_to_read_what_was_sent_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    protocol, transport, application = await opened()
    monkeypatch.setattr("backend.serving.websocket_protocol.CLOSING_LINGER_S", 0.0)
    transport.unsent_bytes = 1
    await application.send({"type": "websocket.close", "code": 4409})
    protocol.data_received(frame() * 50_000)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not transport.is_aborted
    transport.unsent_bytes = 0
    await turns_until(lambda: transport.is_aborted)


async def test_the_kernel_keeps_little_for_a_client_that_does_not_read() -> None:
    near, far = socket.socketpair()
    transport = Transport()
    cast(Any, transport).get_extra_info = {"socket": near}.get
    await begun(transport)
    # The kernel doubles what it is told.
    size = near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert size <= 2 * SEND_BUFFER_BYTES
    far.close()
    near.close()


async def test_what_the_kernel_has_not_sent_counts() -> None:
    protocol, transport, _ = await opened()
    near, far = socket.socketpair()
    cast(Any, transport).get_extra_info = {"socket": near}.get
    assert protocol._unacknowledged_bytes() == 0
    near.send(b"unread")
    assert protocol._unacknowledged_bytes() > 0
    far.close()
    near.close()
    assert protocol._unacknowledged_bytes() == 0


async def test_pings_of_a_client_that_reads_no_answers_wait() -> None:
    protocol, transport, _ = await opened()
    written = transport.written
    transport.unsent_bytes = MAX_UNSENT_BYTES + 1
    protocol.pause_writing()
    protocol.data_received(frame(opcode=Opcode.PING))
    assert (transport.written, transport.is_reading) == (written, False)
    transport.unsent_bytes = 0
    protocol.resume_writing()
    await turns_until(lambda: transport.is_reading)
    assert transport.written == written + b"\x8a\x00"


@pytest.mark.parametrize(("given_bytes", "is_new"), [(1024, False), (STUCK_BYTES, True)])
async def test_what_a_kernel_takes_when_it_is_probed_is_not_reading(
    given_bytes: int, is_new: bool
) -> None:
    """The write timeout begins anew only if the client has taken a share of what it must."""
    protocol, _, application = await opened()
    protocol.pause_writing()
    timer = protocol._abort_timer
    protocol.resume_writing()
    await application.send({"type": "websocket.send", "text": "x" * given_bytes})
    protocol.pause_writing()
    assert (protocol._abort_timer is not timer) is is_new


async def test_a_client_that_has_read_all_when_the_write_timeout_ends_is_not_aborted() -> None:
    protocol, transport, _ = await opened()
    protocol.pause_writing()
    protocol.resume_writing()
    protocol._abort()
    assert not transport.is_aborted
    protocol.pause_writing()
    protocol._abort()
    assert transport.is_aborted


async def test_a_client_that_reads_a_little_after_the_close_is_still_aborted() -> None:
    protocol, transport, application = await opened()
    await application.send({"type": "websocket.close", "code": 4408})
    protocol.write_timeout_s = 0.0  # type: ignore[misc]
    protocol.pause_writing()
    protocol.resume_writing()
    await turns_until(lambda: transport.is_aborted)


@pytest.mark.parametrize(
    "early", [frame(b"early"), frame(opcode=Opcode.CLOSE), b"\x83\x80\0\0\0\0"]
)
async def test_frames_before_the_handshake_is_answered_wait_for_the_answer(early: bytes) -> None:
    protocol, transport, application = await begun()
    protocol.data_received(early)
    protocol.data_received(frame(b"more"))
    await turns_until(lambda: protocol.handshake_complete)
    assert transport.written.startswith(b"HTTP/1.1 101 ")
    message = await application.receive()
    assert message["type"] == "websocket.disconnect" or message["text"] == "early"


async def test_a_malformed_frame_ends_the_call_once() -> None:
    protocol, transport, _ = await opened()
    protocol.data_received(b"\x83\x80\0\0\0\0" + frame() * 5000)
    assert transport.is_closed
    assert protocol.queue.qsize() == 1


async def test_a_close_finds_the_reply_in_what_was_kept() -> None:
    protocol, transport, application = await opened()
    protocol.data_received(text_frames(["a"] * 300) + frame(opcode=Opcode.CLOSE))
    assert not transport.is_reading
    await application.send({"type": "websocket.close", "code": 4401})
    await turns_until(lambda: transport.is_closed)
    assert not transport.is_aborted


async def test_a_message_has_a_number_of_frames() -> None:
    protocol, transport, application = await opened()
    protocol.data_received(frame(fin=False))
    for _ in range(2 * MAX_FRAGMENTS // 100):
        protocol.data_received(frame(opcode=Opcode.CONT, fin=False) * 100)
        await asyncio.sleep(0)
    assert (await application.receive())["code"] == 1009
    assert transport.is_closed
    assert len(protocol.frames) <= MAX_FRAGMENTS


@pytest.mark.slow
async def test_a_handshake_with_a_line_that_is_too_long_is_answered() -> None:
    async with server_process() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE[:-2] + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n")
        assert b" 431 " in await asyncio.wait_for(reader.readline(), 5)
        assert await asyncio.wait_for(reader.read(), 5) is not None
        writer.close()


@pytest.mark.parametrize("now_s", [100.0, 100.4, 100.999])
async def test_pings_are_sent_at_whole_seconds_and_never_late(
    now_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together with those of other clients: each that is sent alone wakes the process."""
    protocol, _, application = await begun()
    loop = asyncio.get_running_loop()
    due_s: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda: now_s)
        patch.setattr(loop, "call_at", lambda when, *rest: due_s.append(when))
        protocol.ping_interval = 15.0
        protocol.schedule_ping()
        protocol.last_ping_rtt = 15.5
        protocol.schedule_ping()
        protocol.ping_interval, protocol.last_ping_rtt = 0.5, 0.0
        protocol.schedule_ping()
    *_, quick_s = due_s
    assert due_s[:2] == [115.0, now_s]
    assert now_s < quick_s <= now_s + 0.5
    application.is_over.set()


async def test_the_headers_of_the_handshake_are_released() -> None:
    protocol, transport, application = await begun()
    await turns_until(lambda: protocol.handshake_complete)
    assert b"101 Switching Protocols" in transport.written
    assert not protocol.request.headers
    assert not protocol.response.headers
    application.is_over.set()


async def pinged() -> tuple[BoundedWebSocketProtocol, Transport, Application, bytes]:
    """A connection that has just been pinged, and the ping's payload."""
    protocol, transport, application = await opened()
    transport.written = b""
    protocol.send_keepalive_ping()
    assert transport.written[:2] == b"\x89\x04"
    assert protocol.pong_timer is not None
    return protocol, transport, application, transport.written[2:]


ABOUT_A_PONG: dict[str, Callable[[bytes], list[bytes]]] = {
    "alone": lambda pong: [pong],
    "after a text": lambda pong: [frame(b"one") + pong],
    "before a text": lambda pong: [pong + frame(b"one")],
    "in two parts": lambda pong: [pong[:3], pong[3:]],
    "in a message": lambda pong: [
        frame(b"one", fin=False), pong, frame(b"two", Opcode.CONT),
    ],
}  # fmt: skip


@pytest.mark.parametrize("way", ABOUT_A_PONG)
async def test_a_ping_that_is_answered_is_followed_by_the_next(way: str) -> None:
    protocol, transport, application, payload = await pinged()
    for part in ABOUT_A_PONG[way](frame(payload, Opcode.PONG)):
        protocol.data_received(part)
    assert protocol.pong_timer is None
    assert protocol.ping_timer is not None
    assert protocol.pending_ping_payload is None
    assert not transport.is_closed
    application.is_over.set()


async def test_a_text_with_the_bytes_of_a_pong_is_no_pong() -> None:
    protocol, _, application, payload = await pinged()
    pong = frame(payload, Opcode.PONG)
    # Without a mask, so that the text's bytes are those of the pong.
    protocol.data_received(bytes((0x82, 0x80 | len(pong))) + bytes(4))
    protocol.data_received(pong)
    assert protocol.pong_timer is not None
    assert protocol.queue.qsize() == 1
    application.is_over.set()


async def test_another_pong_than_the_awaited_one_counts_for_nothing() -> None:
    protocol, _, application, payload = await pinged()
    other = bytes((payload[0] ^ 1, *payload[1:]))
    protocol.data_received(frame(other, Opcode.PONG))
    assert protocol.pong_timer is not None
    application.is_over.set()


async def test_a_client_without_a_pong_is_closed_with_1011() -> None:
    protocol, transport, application, _ = await pinged()
    transport.written = b""
    protocol.keepalive_timeout()
    assert transport.written == Frame(
        Opcode.CLOSE, Close(1011, "keepalive ping timeout").serialize()
    ).serialize(mask=False)
    assert transport.is_closed
    application.is_over.set()


async def test_a_connection_that_is_closing_is_not_pinged() -> None:
    protocol, transport, application = await opened()
    transport.written = b""
    transport.close()
    protocol.close_sent = True
    protocol.send_keepalive_ping()
    assert not transport.written
    assert protocol.pong_timer is None
    application.is_over.set()
