"""The simulator over real sockets on the loopback."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from backend.simulator.ears import Deaf
from backend.simulator.lines import PHRASES
from backend.simulator.mishaps import KEY_LIKE, Kind, Mishap
from backend.simulator.server import Running, Simulator, SimulatorOptions
from backend.simulator.voice import EspeakVoice
from tests.simulator.equipment import append, noise, silence, speech, types

pytestmark = pytest.mark.slow

Event = dict[str, Any]
CHEAP = SimulatorOptions(pace=0, is_cheap=True)
SESSION = {
    "type": "realtime",
    "audio": {
        "input": {
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        }
    },
}


@asynccontextmanager
async def call(running: Running, **headers: str) -> AsyncIterator[ClientConnection]:
    """A client's connection."""
    url = running.base_url.replace("http", "ws") + "/realtime?model=gpt-realtime"
    sent = {"Authorization": "Bearer any", **headers}
    async with (
        asyncio.timeout(20),
        connect(
            url, additional_headers=sent, compression=None, max_size=None, close_timeout=0.2
        ) as socket,
    ):
        yield socket


async def send(socket: ClientConnection, type: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": type, **fields}))


async def until(socket: ClientConnection, type: str) -> list[Event]:
    """The events up to the first of this type."""
    found: list[Event] = []
    while not found or found[-1]["type"] != type:
        found.append(json.loads(await socket.recv()))
    return found


async def http(running: Running, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """A plain request, with the smallest client that can be."""
    host, port = running.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode()[:7])
    await writer.drain()
    writer.write(head.encode()[7:] + content)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head_back, _, body_back = answer.partition(b"\r\n\r\n")
    return int(head_back.split()[1]), body_back


class Pricked(Deaf):
    """Ears that know whether they were told to prepare."""

    def __init__(self) -> None:
        self.is_prepared = False

    def prepare(self) -> None:
        """Remembers it."""
        self.is_prepared = True


# ── A whole conversation ────────────────────────────────────────────────────────────────────────


async def test_its_ears_are_prepared_before_the_first_call() -> None:
    ears = Pricked()
    async with Simulator(CHEAP, ears).serve():
        assert ears.is_prepared


async def test_it_can_be_stopped_while_its_ears_are_being_prepared() -> None:
    async with asyncio.timeout(5):
        for turns_of_the_loop in (0, 1, 5):
            async with Simulator().serve():
                for _ in range(turns_of_the_loop):
                    await asyncio.sleep(0)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_a_spoken_sentence_is_understood_and_answered_by_voice(language: Any) -> None:
    phrase = PHRASES[language][3]
    voice = EspeakVoice()
    pcm = silence(400) + await voice.speak(phrase.reading, language, "shimmer") + silence(900)
    await voice.close()
    async with (
        Simulator(SimulatorOptions(pace=0, late_every=0)).serve() as running,
        call(running) as socket,
    ):
        await send(socket, "session.update", session=SESSION)
        await until(socket, "session.updated")
        for start in range(0, len(pcm), 1_920):
            await socket.send(json.dumps(append(pcm[start : start + 1_920])))
        found = await until(socket, "response.done")
        (heard,) = [each for each in found if each["type"].endswith("transcription.completed")]
        assert heard["transcript"] == phrase.caption
        response = found[-1]["response"]
        assert response["status"] == "completed"
        said = response["output"][0]["content"][0]["transcript"]
        assert said.startswith("正直なところ、" if language == "ja" else "Honestly,")
        assert response["usage"]["output_token_details"]["audio_tokens"] > 60
        (record,) = running.records
        assert record.audio_bytes == len(pcm)
        assert record.as_json()["audio_sha256"] == hashlib.sha256(pcm).hexdigest()
        assert record.heard == [phrase.caption]
        status, kept = await http(running, "GET", "/simulator/calls/1/audio")
        assert (status, kept) == (200, pcm)


async def test_it_expires_with_the_reason_in_the_close() -> None:
    options = SimulatorOptions(pace=0, cap_s=0.2, is_cheap=True)
    async with Simulator(options).serve() as running, call(running) as socket:
        (created, error) = await until(socket, "error")
        assert created["session"]["expires_at"] > 0
        assert error["error"]["code"] == "session_expired"
        await socket.wait_closed()
        assert socket.close_code == 1001
        assert socket.close_reason == error["error"]["message"]


# ── The door ────────────────────────────────────────────────────────────────────────────────────


async def test_nobody_enters_without_a_key() -> None:
    async with Simulator(CHEAP).serve() as running:
        with pytest.raises(InvalidStatus) as refused:
            async with call(running, Authorization="Basic abc"):
                pass
        assert refused.value.response.status_code == 401
        assert "error" in json.loads(refused.value.response.body or b"")


async def test_another_path_is_not_there() -> None:
    async with Simulator(CHEAP).serve() as running:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                running.base_url.replace("http", "ws") + "/live",
                additional_headers={"Authorization": "Bearer x"},
            ):
                pass
        assert refused.value.response.status_code == 404
        assert (await http(running, "GET", "/simulator/nothing"))[0] == 404


async def test_the_beta_is_over() -> None:
    async with Simulator(CHEAP).serve() as running:
        async with call(running, **{"OpenAI-Beta": "realtime=v1"}) as socket:
            (error,) = await until(socket, "error")
            assert error["error"]["code"] == "beta_api_shape_disabled"
            await socket.wait_closed()
            assert socket.close_code == 4000
        (record,) = running.records
        assert record.headers["openai-beta"] == "realtime=v1"


async def test_it_remembers_the_headers_but_not_the_key() -> None:
    async with Simulator(CHEAP).serve() as running:
        async with call(running, **{"OpenAI-Safety-Identifier": "abc"}) as socket:
            await until(socket, "session.created")
        status, body = await http(running, "GET", "/simulator/calls")
        headers = json.loads(body)["calls"][0]["headers"]
        assert status == 200
        assert headers["openai-safety-identifier"] == "abc"
        assert "authorization" not in headers


# ── Mishaps ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_upgrade_is_refused_once_when_asked() -> None:
    async with Simulator(CHEAP).serve() as running:
        plan = {"kind": "refuse", "status": 429, "retry_after_s": 3}
        assert (await http(running, "POST", "/simulator/mishaps", plan))[0] == 201
        with pytest.raises(InvalidStatus) as refused:
            async with call(running):
                pass
        response = refused.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
        assert KEY_LIKE.encode() in (response.body or b"")
        async with call(running) as socket:
            await until(socket, "session.created")


async def test_a_status_without_a_name_is_refused_with_too() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.REFUSE, status=520))
        with pytest.raises(InvalidStatus) as refused:
            async with call(running):
                pass
        assert refused.value.response.status_code == 520


async def test_a_redirect_is_answered_with_the_place() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.REDIRECT, location="https://other.example/v1/realtime"))
        status, _ = await http(running, "GET", "/v1/realtime")
        assert status == 401
        host, port = running.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/realtime HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 302")
        assert b"Location: https://other.example/v1/realtime" in answer


async def test_a_handshake_hangs_and_the_simulator_still_ends_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.HANG))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), call(running):
                pass
        running.befall(Mishap(Kind.HANG))
        hanging = asyncio.create_task(call(running).__aenter__())
        await asyncio.sleep(0.1)
        before = loop.time()
    assert loop.time() - before < 0.9
    with pytest.raises((ConnectionClosed, OSError, EOFError, Exception)):
        await hanging


async def test_a_silent_call_says_nothing() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.SILENT))
        async with call(running) as socket:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await socket.recv()


async def test_a_wrong_key_is_told_after_the_upgrade() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.INVALID_KEY))
        async with call(running) as socket:
            (error,) = await until(socket, "error")
            assert KEY_LIKE in error["error"]["message"]
            await socket.wait_closed()
            assert socket.close_code == 3000
            assert socket.close_reason == "invalid_request_error.invalid_api_key"


@pytest.mark.parametrize(
    ("mishap", "code"),
    [(Mishap(Kind.DROP), 1006), (Mishap(Kind.CLOSE, code=1011, reason="x"), 1011)],
)
async def test_the_line_ends_in_the_middle_of_an_answer(mishap: Mishap, code: int) -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(mishap)
        async with call(running) as socket:
            await send(socket, "response.create")
            found: list[Event] = []
            with pytest.raises(ConnectionClosedError):
                while True:
                    found.append(json.loads(await socket.recv()))
            assert types(found).count("response.output_audio.delta") == 3
            assert socket.close_code == code


async def test_a_stalled_line_says_nothing_more() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.STALL, no_pong=True))
        async with call(running) as socket:
            await send(socket, "response.create")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await until(socket, "response.done")
            pong = await socket.ping()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await pong


async def test_running_calls_can_be_hit() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        plan = {"kind": "close", "calls": "running", "code": 1012, "reason": "restart"}
        assert json.loads((await http(running, "POST", "/simulator/mishaps", plan))[1]) == {
            "befell": 1
        }
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1012, "restart")


async def test_garbage_and_an_oversized_event_come_between_good_ones() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.GARBAGE))
        running.befall(Mishap(Kind.OVERSIZED, bytes=2_000_000))
        async with call(running) as socket:
            await until(socket, "session.created")
            await send(socket, "session.update", session=SESSION)
            await until(socket, "session.updated")
            messages = [await socket.recv() for _ in range(5)]
            assert isinstance(messages[3], bytes)
            assert len(messages[4]) == 2_000_000
            await send(socket, "response.create")
            await until(socket, "response.done")


async def test_events_come_twice() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.befall(Mishap(Kind.DUPLICATE))
        async with call(running) as socket:
            first, second = await socket.recv(), await socket.recv()
            assert first == second


async def test_updates_and_responses_are_refused_and_transcripts_late_on_request() -> None:
    async with Simulator(SimulatorOptions(pace=0, late_every=0, is_cheap=True)).serve() as running:
        for kind in (Kind.REFUSE_UPDATE, Kind.RATE_LIMIT, Kind.LATE_TRANSCRIPTS):
            running.befall(Mishap(kind))
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


async def test_it_expires_on_request() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        running.befall(Mishap(Kind.EXPIRE, calls="running"))
        await until(socket, "error")
        await socket.wait_closed()
        assert socket.close_code == 1001


# ── The line ────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_no_json_is_an_error_and_the_call_goes_on() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        await until(socket, "session.created")
        for message in ("{", "[]", b"\x00", '"x"', "[" * 100_000):
            await socket.send(message)
            assert (await until(socket, "error"))[-1]["error"]["code"] == "invalid_event"
        await send(socket, "response.create")
        await until(socket, "response.done")


async def test_a_client_that_does_not_read_blocks_only_itself() -> None:
    options = SimulatorOptions(pace=0, is_cheap=True)
    async with Simulator(options).serve() as running, call(running) as deaf:
        for _ in range(200):
            await send(deaf, "response.create")
        async with call(running) as socket, asyncio.timeout(5):
            await send(socket, "response.create")
            await until(socket, "response.done")


async def test_a_large_append_is_heard() -> None:
    async with Simulator(CHEAP).serve() as running, call(running) as socket:
        pcm = noise(100_000)
        await socket.send(json.dumps(append(pcm)))
        await send(socket, "session.update", session=SESSION)
        await until(socket, "session.updated")
        (record,) = running.records
        assert record.audio_bytes == len(pcm)
