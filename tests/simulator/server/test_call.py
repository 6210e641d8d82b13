"""One call over a real socket: faults on the connection, unreadable frames, slow readers."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosedError

from backend.simulator.engine.mishaps import FAKE_KEY, Kind, Mishap
from backend.simulator.server.server import Simulator, SimulatorOptions
from tests.simulator.equipment import append, noise, silence, speech, types
from tests.simulator.server.client import CHEAP, SESSION, Event, call, http, send, until

pytestmark = pytest.mark.slow

# ── Faults ────────────────────────────────────────────────────────────────────────────────────────


async def test_silent_sends_nothing() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.SILENT))
        async with call(running) as socket:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await socket.recv()


async def test_invalid_key_is_an_error_after_the_upgrade() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.INVALID_KEY))
        async with call(running) as socket:
            (error,) = await until(socket, "error")
            assert FAKE_KEY in error["error"]["message"]
            await socket.wait_closed()
            assert socket.close_code == 3000
            assert socket.close_reason == "invalid_request_error.invalid_api_key"


@pytest.mark.parametrize(
    ("mishap", "code"),
    [(Mishap(Kind.DROP), 1006), (Mishap(Kind.CLOSE, code=1011, reason="x"), 1011)],
)
async def test_drop_and_close_happen_in_the_middle_of_a_response(mishap: Mishap, code: int) -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(mishap)
        async with call(running) as socket:
            await send(socket, "response.create")
            found: list[Event] = []
            with pytest.raises(ConnectionClosedError):
                while True:
                    found.append(json.loads(await socket.recv()))
            assert types(found).count("response.output_audio.delta") == 3
            assert socket.close_code == code


async def test_stall_stops_events_and_pongs() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.STALL, no_pong=True))
        async with call(running) as socket:
            await send(socket, "response.create")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await until(socket, "response.done")
            pong = await socket.ping()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await pong


async def test_a_mishap_can_be_applied_to_open_calls() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        mishap = {"kind": "close", "calls": "running", "code": 1012, "reason": "restart"}
        assert json.loads((await http(running, "POST", "/simulator/mishaps", mishap))[1]) == {
            "affected_calls": 1
        }
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1012, "restart")


async def test_garbage_and_an_oversized_event_come_between_valid_events() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.GARBAGE))
        running.inject(Mishap(Kind.OVERSIZED, bytes=2_000_000))
        async with call(running) as socket:
            await until(socket, "session.created")
            await send(socket, "session.update", session=SESSION)
            await until(socket, "session.updated")
            messages = [await socket.recv() for _ in range(5)]
            assert isinstance(messages[3], bytes)
            assert len(messages[4]) == 2_000_000
            await send(socket, "response.create")
            await until(socket, "response.done")


async def test_duplicate_sends_events_twice() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.DUPLICATE))
        async with call(running) as socket:
            first, second = await socket.recv(), await socket.recv()
            assert first == second


async def test_refuse_update_rate_limit_and_late_transcripts_reach_the_engine() -> None:
    async with Simulator(SimulatorOptions(pace=0, late_every=0, is_cheap=True)).serve() as running:
        for kind in (Kind.REFUSE_UPDATE, Kind.RATE_LIMIT, Kind.LATE_TRANSCRIPTS):
            running.inject(Mishap(kind))
        async with call(running) as socket:
            await send(socket, "session.update", session=SESSION)
            assert (await until(socket, "error"))[-1]["error"]["code"] == "invalid_value"
            await send(socket, "session.update", session=SESSION)
            await until(socket, "session.updated")
            await send(socket, "response.create")
            response = (await until(socket, "response.done"))[-1]["response"]
            assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"
            await socket.send(json.dumps(append(speech(900) + silence(900))))
            found = types(await until(socket, "response.done"))
            assert not any("transcription" in each for each in found)
            await until(socket, "conversation.item.input_audio_transcription.failed")


async def test_expire_ends_an_open_call() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        running.inject(Mishap(Kind.EXPIRE, calls="running"))
        await until(socket, "error")
        await socket.wait_closed()
        assert socket.close_code == 1001


# ── Frames ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unreadable_frame_gets_an_error_and_the_call_continues() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        for message in ("{", "[]", b"\x00", '"x"', "[" * 100_000):
            await socket.send(message)
            assert (await until(socket, "error"))[-1]["error"]["code"] == "invalid_event"
        await send(socket, "response.create")
        await until(socket, "response.done")


async def test_a_client_that_does_not_read_blocks_only_its_own_call() -> None:
    options = SimulatorOptions(pace=0, is_cheap=True)
    async with Simulator(options).serve() as running, call(running) as not_reading:
        for _ in range(200):
            await send(not_reading, "response.create")
        async with call(running) as socket, asyncio.timeout(5):
            await send(socket, "response.create")
            await until(socket, "response.done")


async def test_a_large_append_is_recorded_whole() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        pcm = noise(100_000)
        await socket.send(json.dumps(append(pcm)))
        await send(socket, "session.update", session=SESSION)
        await until(socket, "session.updated")
        (record,) = running.records
        assert record.audio_bytes == len(pcm)
