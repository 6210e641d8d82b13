"""The REST API over a real socket, as the official SDK's client uses it."""

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from backend.simulator.engine.mishaps import FAKE_KEY, Kind, Mishap
from backend.simulator.persona.script import PHRASES
from backend.simulator.server.server import Running, Simulator, SimulatorOptions
from backend.simulator.sound.recogniser import NullRecogniser
from backend.simulator.sound.synthesiser import EspeakSynthesiser
from tests.simulator.equipment import silence, speech
from tests.simulator.server.client import CHEAP, call, http, until

pytestmark = pytest.mark.slow

MODEL = "gpt-5.6-luna"
HELLO = "Hello, thank you for taking the time today."


class OnePhraseRecogniser(NullRecogniser):
    """A recogniser that understands the same phrase in all speech."""

    async def recognise(self, pcm: bytes) -> str | None:
        """Return the phrase."""
        return HELLO


def message(role: str, text: str) -> Any:
    """A message of the history, as the relay sends it."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def wav(pcm: bytes, rate: int = 24_000, channels: int = 1) -> bytes:
    """A WAV file of PCM16."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return held.getvalue()


def client_of(running: Running) -> AsyncOpenAI:
    """The official client, without retries."""
    return AsyncOpenAI(api_key="any", base_url=running.base_url, max_retries=0, timeout=10)


@asynccontextmanager
async def simulator(
    options: SimulatorOptions = CHEAP,
) -> AsyncIterator[tuple[Running, AsyncOpenAI]]:
    """A simulator and a client of it, for 20 s at most."""
    async with (
        asyncio.timeout(20),
        Simulator(options, OnePhraseRecogniser()).serve() as running,
        client_of(running) as client,
    ):
        yield running, client


async def streamed(client: AsyncOpenAI, *history: Any, **params: Any) -> list[Any]:
    """The events of a streamed reply."""
    stream = await client.responses.create(
        model=MODEL,
        input=list(history) or [message("user", HELLO)],
        stream=True,
        store=False,
        **params,
    )
    return [event async for event in stream]


async def whole(client: AsyncOpenAI, *history: Any, **params: Any) -> Any:
    """A reply that is not streamed."""
    history = history or (message("user", HELLO),)
    return await client.responses.create(model=MODEL, input=list(history), store=False, **params)


# ── Responses ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_reply_streams_in_words_that_join_to_its_text() -> None:
    async with simulator() as (running, client):
        events = await streamed(client, instructions="Be a customer.")
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert len(deltas) > 3
        end = events[-1]
        assert end.type == "response.completed"
        assert "".join(deltas) == end.response.output_text
        (record,) = running.records
        assert (record.api, record.model) == ("responses", MODEL)
        assert record.sent["response.output_text.delta"] == len(deltas)
        assert record.request is not None
        assert record.request["instructions"] == "Be a customer."
        assert "authorization" not in record.headers
        assert record.closed_at is not None
        status, body = await http(running, "GET", "/simulator/calls")
        assert status == 200
        assert json.loads(body)["calls"][0]["request"]["store"] is False


async def test_a_whole_reply_has_the_text_of_the_streamed_one() -> None:
    async with simulator() as (_, client):
        response = await whole(client)
        assert response.output_text == (await streamed(client))[-1].response.output_text
        assert response.status == "completed"
        assert response.usage.total_tokens > response.usage.output_tokens > 0


async def test_the_customer_remembers_the_history_in_the_input() -> None:
    async with simulator() as (_, client):
        history = [message("user", HELLO)]
        replies = []
        for question in ("How do you handle your orders at the moment?", "And then?", "Go on."):
            reply = await whole(client, *history)
            replies.append(reply.output_text)
            history += [message("assistant", reply.output_text), message("user", question)]
        assert len(set(replies)) == 3
        assert (await whole(client, message("user", "こんにちは"))).output_text > "\u3040"


async def test_words_come_at_the_pace() -> None:
    async with simulator(SimulatorOptions(pace=5, is_cheap=True)) as (_, client):
        clock = asyncio.get_running_loop().time
        started = clock()
        events = await streamed(client)
        words = sum(event.type == "response.output_text.delta" for event in events)
        assert clock() - started >= words * 0.02


async def test_a_reply_streams_while_a_call_is_open() -> None:
    async with simulator() as (running, client), call(running) as socket:
        await until(socket, "session.created")
        assert (await streamed(client))[-1].type == "response.completed"
        assert [record.api for record in running.records] == ["realtime", "responses"]


async def test_a_client_that_goes_away_ends_the_stream() -> None:
    async with simulator(SimulatorOptions(pace=0.01, is_cheap=True)) as (running, client):
        stream = await client.responses.create(model=MODEL, input=HELLO, stream=True)
        async for event in stream:
            if event.type == "response.in_progress":
                break
        await stream.close()
        (record,) = running.records
        while record.closed_at is None:  # noqa: ASYNC110 (the server ends it)
            await asyncio.sleep(0.01)
        assert "response.completed" not in record.sent


# ── What is refused ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"input": []}, "missing_required_parameter", "input"),
        ({"input": "hi", "model": "no-such-model"}, "model_not_found", "model"),
        ({"input": "hi", "top_p": 2}, "invalid_value", "top_p"),
        ({"input": "hi", "extra_body": {"voice": "x"}}, "unknown_parameter", "voice"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_not_found", None),
    ],
)
async def test_a_wrong_body_gets_the_providers_error(
    params: Any, code: str, param: str | None
) -> None:
    async with simulator() as (running, client):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(**{"model": MODEL, **params})
        assert caught.value.code == code
        assert caught.value.param == (param or "previous_response_id")
        assert caught.value.type == "invalid_request_error"
        assert list(running.records) == []


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with simulator() as (running, _):
        host, port = running.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        for body in (b"", b"{", b"[" * 100_000):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/responses HTTP/1.1\r\nAuthorization: Bearer x\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/responses HTTP/1.1\r\nAuthorization: Bearer x", 405),
        (b"POST /v1/responses HTTP/1.1", 401),
        (b"POST /v1/responses/resp_1/cancel HTTP/1.1\r\nAuthorization: Bearer x", 404),
        (b"POST /v1/audio/speech HTTP/1.1\r\nAuthorization: Bearer x", 404),
        (b"POST /v1/responses HTTP/1.1\r\nTransfer-Encoding: chunked", 411),
        (b"POST /v1/responses HTTP/1.1\r\nContent-Length: 99999999", 413),
        (b"POST /v1/audio/transcriptions HTTP/1.1\r\nAuthorization: Bearer x", 400),
    ],
)
async def test_requests_that_are_refused_by_their_head(head: bytes, status: int) -> None:
    async with simulator() as (running, _):
        host, port = running.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + b"\r\n\r\n")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert set(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]) == {
            "message",
            "type",
            "param",
            "code",
        }
        writer.close()


# ── Mishaps ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ask", [streamed, whole])
@pytest.mark.parametrize(
    ("mishap", "error"),
    [
        (Mishap(Kind.REFUSE, status=503), openai.InternalServerError),
        (Mishap(Kind.REFUSE, status=404), openai.NotFoundError),
        (Mishap(Kind.RATE_LIMIT), openai.RateLimitError),
        (Mishap(Kind.INVALID_KEY), openai.AuthenticationError),
    ],
)
async def test_a_refusal_has_its_status_and_the_providers_body(
    ask: Any, mishap: Mishap, error: type[openai.APIStatusError]
) -> None:
    async with simulator() as (running, client):
        running.inject(mishap)
        with pytest.raises(error) as caught:
            await ask(client)
        assert FAKE_KEY in caught.value.message
        assert ("retry-after" in caught.value.response.headers) == (mishap.kind is Kind.RATE_LIMIT)
        await ask(client)


@pytest.mark.parametrize("ask", [streamed, whole])
async def test_a_dropped_connection_is_a_broken_answer(ask: Any) -> None:
    async with simulator() as (running, client):
        running.inject(Mishap(Kind.DROP))
        with pytest.raises(openai.APIConnectionError):
            await ask(client)
        await ask(client)


@pytest.mark.parametrize("ask", [streamed, whole])
@pytest.mark.parametrize("kind", [Kind.STALL, Kind.HANG, Kind.SILENT])
async def test_a_stall_lasts_until_the_client_goes(ask: Any, kind: Kind) -> None:
    async with simulator() as (running, client):
        running.inject(Mishap(kind))
        with pytest.raises(openai.APITimeoutError):
            await ask(client.with_options(timeout=0.3))
        await ask(client)


async def test_a_stall_in_mid_stream_comes_after_some_words() -> None:
    async with simulator() as (running, client):
        running.inject(Mishap(Kind.STALL, count=2, after="response.output_text.delta"))
        stream = await client.with_options(timeout=0.3).responses.create(
            model=MODEL, input=HELLO, stream=True
        )
        types = []
        with pytest.raises(openai.APITimeoutError):
            async for event in stream:
                types.append(event.type)
        assert types.count("response.output_text.delta") == 2


async def test_a_stream_may_end_before_its_response() -> None:
    async with simulator() as (running, client):
        running.inject(Mishap(Kind.CLOSE))
        assert (await streamed(client))[-1].type == "response.output_text.delta"


@pytest.mark.parametrize("ask", [streamed, whole])
async def test_garbage_is_not_readable(ask: Any) -> None:
    async with simulator() as (running, client):
        running.inject(Mishap(Kind.GARBAGE))
        with pytest.raises((json.JSONDecodeError, openai.APIResponseValidationError)):
            await ask(client)
        await ask(client)


async def test_events_come_twice_large_or_late() -> None:
    async with simulator() as (running, client):
        count = len(await streamed(client))
        running.inject(Mishap(Kind.DUPLICATE))
        assert len(await streamed(client)) == 2 * count
        running.inject(Mishap(Kind.OVERSIZED))
        assert len(await streamed(client)) == count + 1
        running.inject(Mishap(Kind.OVERSIZED))
        assert (await whole(client)).status == "completed"
        running.inject(Mishap(Kind.SLOW, delay_s=0.02))
        clock = asyncio.get_running_loop().time
        started = clock()
        await streamed(client)
        assert clock() - started >= 0.02 * count


async def test_a_mishap_reaches_a_stream_that_is_open() -> None:
    async with simulator(SimulatorOptions(pace=0.01, is_cheap=True)) as (running, client):
        stream = await client.responses.create(model=MODEL, input=HELLO, stream=True)
        with pytest.raises(openai.APIConnectionError):
            async for event in stream:
                if event.type == "response.in_progress":
                    assert await http(
                        running, "POST", "/simulator/mishaps", {"kind": "drop", "calls": "running"}
                    ) == (200, b'{"affected_calls": 1}')


async def test_a_mishap_of_one_api_waits_for_it() -> None:
    async with simulator() as (running, client):
        running.inject(Mishap(Kind.REFUSE, api="transcriptions"))
        running.inject(Mishap(Kind.EXPIRE))
        await whole(client)
        with pytest.raises(openai.InternalServerError):
            await client.audio.transcriptions.create(
                model="gpt-transcribe", file=("clip.wav", wav(silence(500)))
            )
        _, body = await http(running, "GET", "/simulator/mishaps")
        assert [each["kind"] for each in json.loads(body)["pending"]] == ["expire"]


async def test_the_simulator_stops_at_once_while_a_stream_hangs() -> None:
    clock = asyncio.get_running_loop().time
    async with simulator() as (running, client):
        running.inject(Mishap(Kind.STALL))
        asked = asyncio.create_task(streamed(client))
        while not list(running.records):  # noqa: ASYNC110 (the server opens it)
            await asyncio.sleep(0.01)
        left_at = clock()
    assert clock() - left_at < 2
    with pytest.raises(openai.APIConnectionError):
        await asked


# ── Transcriptions ────────────────────────────────────────────────────────────────────────────────


async def transcribed(client: AsyncOpenAI, content: bytes, name: str, **params: Any) -> Any:
    """The transcription of a file."""
    return await client.audio.transcriptions.create(
        model="gpt-transcribe", file=(name, content), **params
    )


async def test_speech_in_a_wav_is_recognised_and_recorded() -> None:
    pcm = silence(200) + speech(1_000) + silence(300)
    async with simulator() as (running, client):
        found = await transcribed(client, wav(pcm), "clip.wav", language="en")
        assert found.text == HELLO
        assert found.usage.to_dict() == {"type": "duration", "seconds": 1.5}
        (record,) = running.records
        assert (record.api, record.heard) == ("transcriptions", [HELLO])
        assert bytes(record.recent_audio) == pcm
        assert record.request is not None
        assert record.request["language"] == "en"
        assert record.request["file"]["filename"] == "clip.wav"
        assert record.request["file"]["bytes"] == len(wav(pcm))


async def test_a_phrase_is_recognised_at_another_rate_by_the_real_recogniser() -> None:
    phrase = PHRASES["ja"][3]
    voice = EspeakSynthesiser()
    pcm = silence(400) + await voice.speak(phrase.reading, "ja", "shimmer") + silence(300)
    await voice.close()
    async with (
        asyncio.timeout(60),
        Simulator(SimulatorOptions(pace=0)).serve() as running,
        # The templates are made first: 0.8 s, but 10 s on two cores that are busy.
        client_of(running).with_options(timeout=50) as client,
    ):
        # Every sample twice: the same sound at 48 kHz.
        doubled = b"".join(pcm[at : at + 2] * 2 for at in range(0, len(pcm), 2))
        assert (await transcribed(client, wav(doubled, 48_000), "clip.wav")).text == phrase.caption


async def test_silence_has_no_text() -> None:
    async with simulator() as (_, client):
        assert (await transcribed(client, wav(silence(1_000)), "clip.wav")).text == ""


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"\x1a\x45\xdf\xa3", "webm"),
        (b"OggS", "ogg"),
        (b"\0\0\0\x20ftypisom", "mp4"),
    ],
)
async def test_other_containers_are_named_in_the_requested_language(
    magic: bytes, name: str
) -> None:
    async with simulator() as (_, client):
        for language, words in (("en", "cannot listen"), ("ja", "聞き取れません")):
            found = await transcribed(
                client, magic + bytes(4_000), f"clip.{name}", language=language
            )
            assert name in found.text
            assert words in found.text


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"hello", "clip.wav", "invalid_value"),
        (b"", "clip.wav", "invalid_value"),
        (b"RIFF\0\0\0\0WAVEnonsense", "clip.wav", "invalid_value"),
        (wav(speech(50)), "clip.wav", "audio_too_short"),
        (b"OggS", "clip.txt", "unsupported_format"),
    ],
)
async def test_a_file_without_audio_is_refused(content: bytes, name: str, code: str) -> None:
    async with simulator() as (_, client):
        with pytest.raises(openai.BadRequestError) as caught:
            await transcribed(client, content, name)
        assert (caught.value.code, caught.value.param) == (code, "file")


async def test_a_transcription_has_mishaps_too() -> None:
    async with simulator() as (running, client):
        for kind, error in (
            (Kind.RATE_LIMIT, openai.RateLimitError),
            (Kind.DROP, openai.APIConnectionError),
            (Kind.CLOSE, openai.APIConnectionError),
        ):
            running.inject(Mishap(kind))
            with pytest.raises(error):
                await transcribed(client, wav(speech(500)), "clip.wav")
        with pytest.raises(openai.NotFoundError):
            await client.audio.transcriptions.create(
                model="no-such-model", file=("clip.wav", wav(speech(500)))
            )


async def test_a_file_of_25_mb_arrives_whole() -> None:
    async with simulator() as (running, client):
        content = b"OggS" + bytes(25 * 1024 * 1024 - 4)
        assert "ogg" in (await transcribed(client, content, "clip.ogg")).text
        with pytest.raises(openai.APIStatusError) as caught:
            await transcribed(client, content + b"x", "clip.ogg")
        assert caught.value.status_code == 413
