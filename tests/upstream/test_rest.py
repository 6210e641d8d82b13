"""The REST client: whom it sends what, and what its failures become."""

import json
import traceback
from collections.abc import Callable

import httpx2
import openai
import pytest

from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.protocol.reading import mapping_at
from backend.telemetry.counters import ProcessCounters
from backend.upstream.failures import error_named_in
from backend.upstream.rest import post_streamed, rest_client, upstream_errors
from tests.upstream.equipment import KEY, OPENAI

Answer = Callable[[httpx2.Request], httpx2.Response]


def client_answered_by(answer: Answer) -> openai.AsyncOpenAI:
    return rest_client(
        OPENAI, "http://provider.test/v1", KEY, transport=httpx2.MockTransport(answer)
    )


async def ask(client: openai.AsyncOpenAI) -> list[str]:
    """The types of the streamed events."""
    async with client:
        with upstream_errors(OPENAI):
            stream = await post_streamed(client, "/responses", {"input": "secret words"})
            return [str(mapping_at(event).get("type")) async for event in stream]


async def failure_of(answer: Answer) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await ask(client_answered_by(answer))
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    return caught.value


def raising(error: Exception) -> Answer:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error

    return answer


async def test_it_sends_the_key_and_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.test")
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        event = json.dumps({"type": "response.output_text.delta", "delta": "Hi"})
        return httpx2.Response(
            200, headers={"Content-Type": "text/event-stream"}, text=f"data: {event}\n\n"
        )

    assert await ask(client_answered_by(answer)) == ["response.output_text.delta"]
    (request,) = seen
    assert str(request.url) == "http://provider.test/v1/responses"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["User-Agent"].startswith("kaiwa/")
    assert "OpenAI-Organization" not in request.headers
    assert "OpenAI-Project" not in request.headers


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"error": {"code": "invalid_api_key"}}, UpstreamRefused, "invalid_api_key"),
        (404, {"error": {"code": "model_not_found"}}, UpstreamRefused, "model_not_found"),
        (400, {"error": {"message": "secret"}}, UpstreamRefused, "request_refused"),
        (429, {"error": {"code": "insufficient_quota"}}, UpstreamRefused, "insufficient_quota"),
        (429, {}, UpstreamUnavailable, "rate_limit_exceeded"),
        (503, {}, UpstreamUnavailable, "server_error"),
        (302, {}, UpstreamRefused, "redirected"),
    ],
)
async def test_a_status_becomes_its_error(
    status: int, body: object, kind: type[UpstreamError], code: str
) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        headers = {"Retry-After": "7", "Location": "http://elsewhere.test/"}
        return httpx2.Response(status, json=body, headers=headers)

    error = await failure_of(answer)
    assert (type(error), error.code, error.status) == (kind, code, status)
    assert error.retry_after_s == 7.0
    assert len(asked) == 1, "no retry, and no redirect is followed"


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (httpx2.ConnectError("secret"), UpstreamUnavailable, "unreachable"),
        (httpx2.ConnectTimeout("secret"), UpstreamTimeout, "timed_out"),
        (httpx2.ReadTimeout("secret"), UpstreamTimeout, "stalled"),
        (httpx2.ProxyError("secret"), UpstreamUnavailable, "proxy_failed"),
        (httpx2.RemoteProtocolError("secret"), UpstreamFailed, "connection_lost"),
    ],
)
async def test_a_failed_connection_becomes_its_error(
    raised: Exception, kind: type[UpstreamError], code: str
) -> None:
    error = await failure_of(raising(raised))
    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("{not json: secret", UpstreamFailed, "connection_broken"),
        (
            '{"error": {"code": "rate_limit_exceeded", "message": "secret"}}',
            UpstreamUnavailable,
            "rate_limit_exceeded",
        ),
        ('{"error": {"code": "secret"}}', UpstreamFailed, "error_event"),
    ],
)
async def test_a_broken_stream_becomes_its_error(
    line: str, kind: type[UpstreamError], code: str
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {"Content-Type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, text=f"data: {line}\n\n")

    error = await failure_of(answer)
    assert (type(error), error.code) == (kind, code)


def test_an_unknown_error_inside_an_answer_is_a_failure() -> None:
    assert isinstance(error_named_in({}), UpstreamFailed)
    assert isinstance(error_named_in({"type": "server_error"}), UpstreamUnavailable)


def test_without_a_key_nothing_is_asked() -> None:
    with pytest.raises(UpstreamRefused) as caught:
        rest_client(OPENAI, "http://provider.test/v1", "")
    assert caught.value.code == "api_key_missing"


def test_a_proxy_url_that_cannot_be_used_is_not_quoted() -> None:
    proxy = "nothing://user:" + "secret" * 2 + "@proxy"
    with pytest.raises(UpstreamUnavailable) as caught:
        rest_client(OPENAI, "http://provider.test/v1", KEY, proxy=proxy)
    assert caught.value.code == "proxy_failed"
    assert "secretsecret" not in "".join(traceback.format_exception(caught.value))


async def test_a_failure_is_counted_by_the_ending_that_it_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counters = ProcessCounters()
    monkeypatch.setattr("backend.upstream.rest.COUNTERS", counters)
    await failure_of(raising(httpx2.ReadTimeout("secret")))
    with pytest.raises(UpstreamRefused), upstream_errors(OPENAI):
        raise UpstreamRefused("api_key_missing")
    assert counters.upstream_errors == {"provider_timeout": 1, "provider_refused": 1}
