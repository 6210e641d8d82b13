"""A recorded clip becomes text, through the real servers and the real simulator."""

import asyncio
import urllib.error
import urllib.request
from typing import Any

import pytest

from backend.chat.clips import MAX_CLIP_BYTES
from tests.chat import clip_files
from tests.journeys.person import Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import Answer, Stack, http

pytestmark = pytest.mark.journey


def _send(stack: Stack, session_id: str, clip: bytes, token: str) -> Answer:
    body, content_type = clip_files.multipart(clip)
    url = f"{stack.url}/api/sessions/{session_id}/transcriptions/"
    headers = {"Authorization": f"Token {token}", "Content-Type": content_type}
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=40) as response:
            return Answer(response.status, dict(response.headers), response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read().decode())


async def send(person: Person, session_id: str, clip: bytes) -> Answer:
    return await asyncio.to_thread(_send, person.stack, session_id, clip, person.token)


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def test_a_spoken_clip_becomes_text_and_its_cost_is_stored(stack: Stack) -> None:
    person = await Person.register(stack)
    session_id = await person.new_session()
    clip = clip_files.wav(0, 24_000, pcm=await speak(QUESTION))
    answer = await send(person, session_id, clip)
    assert (answer.status, answer.json) == (200, {"text": QUESTION})
    session = (await person.api("GET", f"sessions/{session_id}/")).json
    assert session["usage"]["seconds"] == pytest.approx(len(clip) / 48_000, abs=0.1)
    assert float(session["cost"]) > 0
    assert (session["turn_count"], session["call_count"]) == (0, 0)


async def test_a_clip_may_be_as_large_as_its_bound_and_no_larger(stack: Stack) -> None:
    person = await Person.register(stack)
    session_id = await person.new_session()
    clip = clip_files.mp4(2)
    clip += bytes(MAX_CLIP_BYTES - len(clip))
    assert (await send(person, session_id, clip)).status == 200
    assert refusal(await send(person, session_id, clip + b"x")) == (413, "too_large")
    assert refusal(await send(person, session_id, clip + bytes(10**6))) == (413, "too_large")


async def test_what_is_no_speech_is_refused(stack: Stack) -> None:
    person = await Person.register(stack)
    session_id = await person.new_session()
    for clip, expected in (
        (b"no audio at all", (400, "audio_invalid")),
        (clip_files.wav(0.01), (400, "audio_invalid")),
        (clip_files.wav(2), (422, "no_speech")),
        (clip_files.webm(302), (400, "audio_too_long")),
    ):
        assert refusal(await send(person, session_id, clip)) == expected
    stranger = await Person.register(stack)
    assert refusal(await send(stranger, session_id, clip_files.wav(2))) == (404, "not_found")


@pytest.mark.parametrize(
    ("mishap", "expected"),
    [
        ({"kind": "refuse", "status": 500}, (503, "transcription_unavailable")),
        ({"kind": "rate_limit"}, (503, "transcription_unavailable")),
        ({"kind": "invalid_key"}, (502, "transcription_refused")),
        ({"kind": "garbage"}, (502, "transcription_failed")),
        ({"kind": "drop"}, (502, "transcription_failed")),
    ],
    ids=str,
)
async def test_what_the_provider_does_wrong_has_a_code(
    stack: Stack, person: Person, mishap: dict[str, Any], expected: tuple[int, str]
) -> None:
    session_id = await person.new_session()
    body = {**mishap, "api": "transcriptions"}
    injected = await asyncio.to_thread(
        http, "POST", f"{stack.simulator_url}/simulator/mishaps", body
    )
    assert injected.status < 300, injected.text
    assert refusal(await send(person, session_id, clip_files.webm(2))) == expected
    assert (await send(person, session_id, clip_files.webm(2))).status == 200
