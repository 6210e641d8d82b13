"""Azure OpenAI: what differs from OpenAI, and that nothing else does."""

import json

import httpx2
import pytest

from backend.protocol.errors import UpstreamError, UpstreamRefused, UpstreamUnavailable
from backend.upstream.connector import connect
from backend.upstream.providers.azure import Azure
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from backend.upstream.providers.openai import OpenAI
from backend.upstream.rest import rest_client, upstream_errors
from backend.upstream.target import Target
from tests.upstream.equipment import CREATED, provider

AZURE, OPENAI = Azure(), OpenAI()
BASE_URL = "https://kaiwa.openai.azure.com/openai/v1"
KEY = "0123456789abcdef0123456789abcdef"
TARGET = Target(BASE_URL, KEY, "voice eu", "a1b2")
SESSION = SessionSettings("Be kind.", "marin", "my-transcriber", TurnDetection())


def refused(status: int, code: str, retry_after: str | None = None) -> UpstreamError:
    body = json.dumps({"error": {"code": code, "message": f"secret {KEY}"}}).encode()
    return AZURE.error_of_status(status, retry_after, body)


def test_the_deployment_is_the_model_in_the_url_and_there_is_no_api_version() -> None:
    url = AZURE.websocket_url(TARGET)
    assert url == "wss://kaiwa.openai.azure.com/openai/v1/realtime?model=voice%20eu"
    sideband = Target(BASE_URL, KEY, "voice eu", "a1b2", call_id="rtc_1")
    assert AZURE.websocket_url(sideband).endswith("/openai/v1/realtime?call_id=rtc_1")


def test_the_key_has_a_header_of_its_own_and_the_user_none() -> None:
    assert AZURE.headers(TARGET) == {"api-key": KEY}
    assert AZURE.user_headers("a1b2") == {}


def test_the_sessions_are_openais() -> None:
    assert AZURE.session(SESSION) == OPENAI.session(SESSION)
    assert AZURE.webrtc_session(SESSION, "voice-eu") == OPENAI.webrtc_session(SESSION, "voice-eu")
    assert AZURE.sideband_session(SESSION) == OPENAI.sideband_session(SESSION)
    transcription = AZURE.session(SESSION)["audio"]["input"]["transcription"]
    assert transcription == {"model": "my-transcriber"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "DeploymentNotFound"),
        (400, "OpperationNotSupported"),
        (400, "OperationNotSupported"),
    ],
)
def test_a_deployment_that_is_missing_or_of_another_kind_is_an_unknown_model(
    status: int, code: str
) -> None:
    error = refused(status, code)
    assert isinstance(error, UpstreamRefused)
    assert (error.code, error.status) == ("model_not_found", status)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    ("status", "code", "meant"),
    [
        (401, "401", "invalid_api_key"),
        (403, "403", "access_denied"),
        (400, "BadRequest", "request_refused"),
        (400, "insufficient_quota", "insufficient_quota"),
        (404, "404", "model_not_found"),
        (503, "DeploymentNotFound", "server_error"),
    ],
)
def test_any_other_status_means_what_it_means_at_openai(status: int, code: str, meant: str) -> None:
    assert refused(status, code).code == meant


def test_a_rate_limit_says_when_to_try_again() -> None:
    error = refused(429, "429", "7")
    assert isinstance(error, UpstreamUnavailable)
    assert error.retry_after_s == 7.0


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 100_000, b'{"error":{"code":{}}}'])
def test_a_body_of_another_shape_leaves_the_status(body: bytes) -> None:
    assert AZURE.error_of_status(401, None, body).code == "invalid_api_key"


async def test_the_upgrade_request_has_the_key_and_no_bearer_token() -> None:
    async def script(connection: object) -> None:
        await connection.send(CREATED)  # type: ignore[attr-defined]
        await connection.wait_closed()  # type: ignore[attr-defined]

    async with provider(script) as server:
        target = Target(f"http://127.0.0.1:{server.port}/openai/v1", KEY, "voice-eu", "a1b2")
        connection = await connect(AZURE, target)
        await connection.close()
    (request,) = server.requests
    assert request.path == "/openai/v1/realtime?model=voice-eu"
    assert request.headers["api-key"] == KEY
    assert "Authorization" not in request.headers
    assert "OpenAI-Safety-Identifier" not in request.headers


async def test_a_rest_request_has_the_key_and_no_bearer_token() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={})

    transport = httpx2.MockTransport(answer)
    async with rest_client(AZURE, BASE_URL, KEY, transport=transport) as client:
        with upstream_errors(AZURE):
            await client.post("/responses", cast_to=object, body={"input": "Hi."})
            await client.audio.transcriptions.create(model="words", file=("a.wav", b"RIFF"))
    assert [request.url.path for request in seen] == [
        "/openai/v1/responses", "/openai/v1/audio/transcriptions",
    ]  # fmt: skip
    for request in seen:
        assert request.headers["api-key"] == KEY
        assert "Authorization" not in request.headers
        assert f"Bearer {KEY}" not in str(request.headers)
