"""The server over real sockets: conversation, handshake, faults of the handshake."""

import asyncio
import hashlib
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend.simulator.engine.mishaps import FAKE_KEY, Kind, Mishap
from backend.simulator.persona.script import PHRASES
from backend.simulator.server.server import Simulator, SimulatorOptions
from backend.simulator.sound.recogniser import NullRecogniser
from backend.simulator.sound.synthesiser import EspeakSynthesiser
from tests.simulator.equipment import append, silence
from tests.simulator.server.client import CHEAP, SESSION, call, http, send, until

pytestmark = pytest.mark.slow


class RecordingRecogniser(NullRecogniser):
    """A recogniser that records the call of `prepare`."""

    def __init__(self) -> None:
        self.is_prepared = False

    def prepare(self) -> None:
        """Record the call."""
        self.is_prepared = True


# ── A whole conversation ──────────────────────────────────────────────────────────────────────────


async def test_the_recogniser_is_prepared_before_the_first_call() -> None:
    recogniser = RecordingRecogniser()
    async with Simulator(CHEAP, recogniser).serve():
        assert recogniser.is_prepared


async def test_it_can_be_stopped_while_the_recogniser_is_being_prepared() -> None:
    async with asyncio.timeout(5):
        for turns_of_the_loop in (0, 1, 5):
            async with Simulator().serve():
                for _ in range(turns_of_the_loop):
                    await asyncio.sleep(0)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_a_spoken_sentence_is_recognised_and_answered_by_voice(language: Any) -> None:
    phrase = PHRASES[language][3]
    voice = EspeakSynthesiser()
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


# ── Handshake ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_handshake_without_a_key_is_refused() -> None:
    async with Simulator(CHEAP).serve() as running:
        with pytest.raises(InvalidStatus) as refused:
            async with call(running, Authorization="Basic abc"):
                pass
        assert refused.value.response.status_code == 401
        assert "error" in json.loads(refused.value.response.body or b"")


async def test_another_path_is_404() -> None:
    async with Simulator(CHEAP).serve() as running:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                running.base_url.replace("http", "ws") + "/live",
                additional_headers={"Authorization": "Bearer x"},
            ):
                pass
        assert refused.value.response.status_code == 404
        assert (await http(running, "GET", "/simulator/nothing"))[0] == 404


async def test_the_beta_api_is_refused() -> None:
    async with Simulator(CHEAP).serve() as running:
        async with call(running, **{"OpenAI-Beta": "realtime=v1"}) as socket:
            (error,) = await until(socket, "error")
            assert error["error"]["code"] == "beta_api_shape_disabled"
            await socket.wait_closed()
            assert socket.close_code == 4000
        (record,) = running.records
        assert record.headers["openai-beta"] == "realtime=v1"


async def test_the_record_has_the_headers_but_not_the_key() -> None:
    async with Simulator(CHEAP).serve() as running:
        async with call(running, **{"OpenAI-Safety-Identifier": "abc"}) as socket:
            await until(socket, "session.created")
        status, body = await http(running, "GET", "/simulator/calls")
        headers = json.loads(body)["calls"][0]["headers"]
        assert status == 200
        assert headers["openai-safety-identifier"] == "abc"
        assert "authorization" not in headers


# ── Faults of the handshake ───────────────────────────────────────────────────────────────────────


async def test_the_fault_refuse_refuses_one_upgrade() -> None:
    async with Simulator(CHEAP).serve() as running:
        mishap = {"kind": "refuse", "status": 429, "retry_after_s": 3}
        assert (await http(running, "POST", "/simulator/mishaps", mishap))[0] == 201
        with pytest.raises(InvalidStatus) as refused:
            async with call(running):
                pass
        response = refused.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
        assert FAKE_KEY.encode() in (response.body or b"")
        async with call(running) as socket:
            await until(socket, "session.created")


async def test_a_status_without_a_reason_phrase_can_be_used() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.REFUSE, status=520))
        with pytest.raises(InvalidStatus) as refused:
            async with call(running):
                pass
        assert refused.value.response.status_code == 520


async def test_the_fault_redirect_answers_with_the_location() -> None:
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.REDIRECT, location="https://other.example/v1/realtime"))
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


async def test_the_fault_hang_does_not_delay_the_stop() -> None:
    loop = asyncio.get_running_loop()
    async with Simulator(CHEAP).serve() as running:
        running.inject(Mishap(Kind.HANG))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), call(running):
                pass
        running.inject(Mishap(Kind.HANG))
        hanging = asyncio.create_task(call(running).__aenter__())
        await asyncio.sleep(0.1)
        before = loop.time()
    assert loop.time() - before < 0.9
    with pytest.raises((ConnectionClosed, OSError, EOFError, Exception)):
        await hanging
