"""A WebRTC call without a network: a peer and a sideband that only record."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection

from backend.simulator.engine.engine import Engine, EngineOptions
from backend.simulator.engine.mishaps import Kind, Mishap
from backend.simulator.server import webrtc_call
from backend.simulator.server.call_records import CallRecord, CallRecords
from backend.simulator.server.webrtc_call import WebRtcCall
from backend.simulator.sound.recogniser import NullRecogniser
from backend.simulator.sound.synthesiser import ToneSynthesiser
from tests.simulator.equipment import EchoPersona, Event, types

FRAME = 960


class FakePeer:
    """A peer whose microphone is silent. `sent`: the messages of the data channel."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.is_closed = False

    async def microphone(self) -> AsyncIterator[bytes]:
        """Bring one frame of silence."""
        yield bytes(FRAME)

    def send(self, message: str | bytes) -> None:
        """Record the message."""
        self.sent.append(message)

    async def close(self) -> None:
        """Record the end."""
        self.is_closed = True

    @property
    def events(self) -> list[Event]:
        """The messages, parsed."""
        return [json.loads(message) for message in self.sent]


class FakeSideband:
    """A WebSocket that records what is sent. `ended`: with its code, once it is closed."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.protocol = SimpleNamespace(close_rcvd=None)
        self.transport = SimpleNamespace(abort=lambda: self._end(1006))

    async def send(self, message: str | bytes) -> None:
        """Record the message."""
        self.sent.append(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Record the end."""
        self._end(code)

    def __aiter__(self) -> "FakeSideband":
        return self

    async def __anext__(self) -> str:
        await asyncio.shield(self.ended)
        raise StopAsyncIteration

    def _end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


class Bench:
    """A call with its peer and its clock."""

    def __init__(
        self, mishaps: Sequence[Mishap] = (), options: EngineOptions | None = None
    ) -> None:
        self.now = 1_000.0
        self.records = CallRecords(1_000_000)
        self.record = self.records.open("gpt-realtime", {}, self.now, "calls")
        self.peer = FakePeer()
        ids = count(1)
        engine = Engine(
            "gpt-realtime",
            EchoPersona(),
            lambda prefix: f"{prefix}_{next(ids)}",
            options or EngineOptions(pace=0, late_every=0, is_webrtc=True),
        )
        self.call = WebRtcCall(
            "rtc_1",
            engine,
            self.record,
            self.records,
            ToneSynthesiser(),
            NullRecogniser(),
            mishaps,
            lambda: self.now,
            is_ephemeral=False,
        )

    @asynccontextmanager
    async def running(self, *, is_connected: bool = True) -> AsyncIterator[asyncio.Task[None]]:
        """Run the call; it has ended after the block, in 2 s at most."""
        async with asyncio.timeout(2):
            task = asyncio.create_task(self.call.run(self.peer))
            await settle()
            if is_connected:
                self.call.on_open()
                await settle()
            yield task
            self.call.end()
            await task

    def join(self, *mishaps: Mishap) -> tuple[FakeSideband, CallRecord]:
        """Add a sideband."""
        socket = FakeSideband()
        record = self.records.open("", {}, self.now, "sideband")
        serving = self.call.serve_sideband(cast(ServerConnection, socket), record, mishaps)
        self.serving = asyncio.create_task(serving)
        return socket, record

    async def send(self, type: str, **fields: Any) -> None:
        """Send a client event on the data channel, and wait for what it causes."""
        self.call.on_message(json.dumps({"type": type, **fields}))
        await settle()


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_events_go_to_the_browser_and_to_each_sideband() -> None:
    bench = Bench()
    async with bench.running():
        socket, record = bench.join()
        await settle()
        await bench.send("session.update", session={"type": "realtime"})
        assert types(bench.peer.events) == ["session.created", "session.updated"]
        assert types(json.loads(each) for each in socket.sent) == types(bench.peer.events)
        assert bench.record.sent == record.sent == {"session.created": 1, "session.updated": 1}
        assert bench.record.received == {"session.update": 1}
    assert await socket.ended == 1000
    assert bench.peer.is_closed
    assert bench.record.closed_at == record.closed_at == bench.now


async def test_an_event_before_the_browser_is_connected_goes_to_the_sideband_only() -> None:
    bench = Bench()
    async with bench.running(is_connected=False):
        socket, _ = bench.join()
        await bench.send("session.update", session={"type": "realtime", "instructions": "Hm."})
        bench.call.on_open()
        await settle()
        (created,) = bench.peer.events
        assert created["session"]["instructions"] == "Hm."
        assert len(socket.sent) == 2


async def test_a_call_that_is_never_connected_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_call, "CONNECT_TIMEOUT_S", 0.05)
    alone, connected = Bench(), Bench()
    async with connected.running(), alone.running(is_connected=False) as task:
        await task
        assert connected.call.is_live


async def test_the_time_without_a_sideband_is_counted() -> None:
    bench = Bench()
    async with bench.running():
        bench.now += 2
        socket, _ = bench.join()
        await settle()
        assert not bench.call.is_unwatched
        bench.now += 5
        await socket.close()
        await bench.serving
        assert bench.call.is_unwatched
        bench.now += 3
    assert bench.record.unwatched_s == 5


async def test_a_sideband_that_joins_after_the_end_is_closed() -> None:
    bench = Bench()
    async with bench.running():
        pass
    socket, _ = bench.join()
    await bench.serving
    assert (await socket.ended, socket.sent) == (1000, [])


async def test_a_sideband_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_call, "MAX_QUEUED_EVENTS", 3)
    bench = Bench()
    async with bench.running():
        socket, _ = bench.join(Mishap(Kind.SLOW, delay_s=60))
        await settle()
        for _ in range(4):
            await bench.send("session.update", session={"type": "realtime"})
        assert await socket.ended == 1006
        assert bench.call.is_live
        assert types(bench.peer.events).count("session.updated") == 4


async def test_stall_stops_the_audio_too() -> None:
    bench = Bench([Mishap(Kind.STALL)])
    async with bench.running():
        await bench.send("response.create")
        assert len(await bench.call.take_audio(FRAME)) == FRAME
        await settle()
        assert types(bench.peer.events)[-1] == "output_audio_buffer.started"
        assert await bench.call.take_audio(FRAME) == b""
        await bench.send("session.update", session={"type": "realtime"})
        assert types(bench.peer.events)[-1] == "output_audio_buffer.started"


async def test_a_mishap_can_close_the_call_with_its_code() -> None:
    bench = Bench([Mishap(Kind.CLOSE, after="session.created", code=1011)])
    async with bench.running() as task:
        socket, _ = bench.join()
        await task
        assert await socket.ended == 1011
    assert bench.record.close_code == 1011


async def test_mishaps_of_the_engine_apply_to_the_call() -> None:
    bench = Bench([Mishap(Kind.REFUSE_UPDATE)])
    async with bench.running():
        bench.call.inject(Mishap(Kind.REFUSE_UPDATE))
        for _ in range(3):
            await bench.send("session.update", session={"type": "realtime"})
        assert types(bench.peer.events)[1:] == ["error", "error", "session.updated"]


async def test_a_mishap_before_the_browser_is_connected_waits_for_it() -> None:
    bench = Bench()
    async with bench.running(is_connected=False):
        bench.call.inject(Mishap(Kind.DUPLICATE))
        bench.call.on_open()
        await settle()
        assert types(bench.peer.events) == ["session.created"] * 2


async def test_a_response_that_has_not_ended_is_billed_at_the_end() -> None:
    bench = Bench(options=EngineOptions(pace=1, late_every=0, is_webrtc=True))
    async with bench.running():
        await bench.send("response.create")
    (line,) = bench.record.bill.values()
    assert line["usage"]["output_tokens"] > 0
