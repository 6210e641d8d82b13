"""The transcription of a clip over REST: what is sent, and what each answer means."""

import io
import json
import traceback

import httpx2
import pytest

from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.upstream.rest import rest_client
from backend.upstream.transcription import Clip, ClipUnreadable, Transcribed, transcribe
from tests.upstream.equipment import KEY, OPENAI


async def transcribed(
    answer: httpx2.Response | Exception, seen: list[httpx2.Request] | None = None
) -> Transcribed:
    def handle(request: httpx2.Request) -> httpx2.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = rest_client(
        OPENAI, "http://provider.test/v1", KEY, transport=httpx2.MockTransport(handle)
    )
    async with client:
        clip = Clip("clip.webm", "audio/webm", io.BytesIO(b"the clip"))
        return await transcribe(client, OPENAI, "gpt-transcribe", clip)


def answered(body: object, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=body)


async def test_the_clip_goes_to_the_model_as_a_named_file() -> None:
    seen: list[httpx2.Request] = []
    await transcribed(answered({"text": "Hello."}), seen)
    (request,) = seen
    assert str(request.url) == "http://provider.test/v1/audio/transcriptions"
    body = request.content
    assert b'name="file"; filename="clip.webm"\r\nContent-Type: audio/webm\r\n\r\nthe clip' in body
    assert b'name="model"\r\n\r\ngpt-transcribe\r\n' in body
    assert b'name="response_format"\r\n\r\njson\r\n' in body


@pytest.mark.parametrize(
    ("body", "text", "usage"),
    [
        ({"text": " Hello. \n"}, "Hello.", {}),
        ({"text": ""}, "", {}),
        ({"text": "a\0b \ud83c"}, "ab", {}),
        (
            {"text": "Hi", "usage": {"type": "duration", "seconds": 2.5}},
            "Hi",
            {"type": "duration", "seconds": 2.5},
        ),
        ({"text": "Hi", "usage": 7, "languages": None}, "Hi", {}),
    ],
)
async def test_an_answer_is_the_words_and_the_usage(body: object, text: str, usage: object) -> None:
    answer = httpx2.Response(
        200, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert await transcribed(answer) == Transcribed(text, usage)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answered({"error": {"code": "model_not_found"}}, 404), UpstreamRefused),
        (answered({"error": {"param": "model", "message": "secret"}}, 400), UpstreamRefused),
        (answered({"error": {"code": "billing_hard_limit_reached"}}, 400), UpstreamRefused),
        (answered({"error": {"code": "invalid_api_key"}}, 401), UpstreamRefused),
        (answered({}, 429), UpstreamUnavailable),
        (answered({}, 500), UpstreamUnavailable),
        (httpx2.ReadTimeout("secret"), UpstreamTimeout),
        (httpx2.ConnectError("secret"), UpstreamUnavailable),
        (httpx2.RemoteProtocolError("secret"), UpstreamFailed),
        (answered({"words": "secret"}), UpstreamFailed),
        (answered({"text": ["secret"]}), UpstreamFailed),
        (answered(["secret"]), UpstreamFailed),
        (httpx2.Response(200, text="<html>secret</html>"), UpstreamFailed),
    ],
)
async def test_a_failure_is_an_upstream_error_without_its_text(
    answer: httpx2.Response | Exception, kind: type[UpstreamError]
) -> None:
    with pytest.raises(UpstreamError) as caught:
        await transcribed(answer)
    assert type(caught.value) is kind
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"type": "invalid_request_error", "param": "file", "message": "secret"}),
        (400, {"code": "audio_too_short"}),
        (413, {}),
        (415, {"type": "invalid_request_error"}),
    ],
)
async def test_a_file_that_the_provider_cannot_read_is_the_clips_fault(
    status: int, error: object
) -> None:
    with pytest.raises(ClipUnreadable) as caught:
        await transcribed(answered({"error": error}, status))
    assert "secret" not in "".join(traceback.format_exception(caught.value))
