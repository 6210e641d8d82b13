"""Making and hanging up a WebRTC call over REST: what is sent, and what each answer means."""

import httpx2
import pytest

from backend.protocol.errors import UpstreamError
from backend.upstream.rest import rest_client
from backend.upstream.webrtc_calls import MAX_SDP_CHARACTERS, MadeCall, hang_up, make_call
from tests.upstream.equipment import KEY, OPENAI

OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"
ANSWER = "v=0\r\no=- 3 4 IN IP4 127.0.0.1\r\n"


async def made(
    answer: httpx2.Response | Exception, seen: list[httpx2.Request] | None = None
) -> MadeCall:
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
        return await make_call(
            client,
            OPENAI,
            sdp=OFFER,
            session={"type": "realtime", "instructions": "会話"},
            headers={"OpenAI-Safety-Identifier": "hash"},
        )


def accepted(location: str = "/v1/realtime/calls/rtc_1", sdp: str = ANSWER) -> httpx2.Response:
    return httpx2.Response(201, text=sdp, headers={"Location": location})


async def test_the_offer_and_the_session_are_two_parts_with_their_types() -> None:
    seen: list[httpx2.Request] = []
    assert await made(accepted(), seen) == MadeCall(ANSWER, "rtc_1")
    (request,) = seen
    assert str(request.url) == "http://provider.test/v1/realtime/calls"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["OpenAI-Safety-Identifier"] == "hash"
    assert request.headers["Accept"] == "application/sdp"
    assert "OpenAI-Beta" not in request.headers
    sdp, session = request.content.decode().split("\r\n--")[:2]
    assert 'name="sdp"\r\nContent-Type: application/sdp\r\n\r\n' + OFFER.rstrip("\r\n") in sdp
    assert 'name="session"\r\nContent-Type: application/json\r\n\r\n{"type":"realtime"' in session


async def test_the_call_is_the_last_segment_of_its_address() -> None:
    answer = accepted("https://provider.test/v1/realtime/calls/rtc_a-B9/")
    assert (await made(answer)).provider_call_id == "rtc_a-B9"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx2.Response(401, json={"error": {"code": "invalid_api_key"}}), "invalid_api_key"),
        (httpx2.Response(429), "rate_limit_exceeded"),
        (httpx2.Response(503), "server_error"),
        (httpx2.Response(307, headers={"Location": "http://elsewhere.test"}), "redirected"),
        (httpx2.Response(201, text=ANSWER), "connection_broken"),
        (accepted("/v1/realtime/calls/rtc 1"), "connection_broken"),
        (accepted("/v1/realtime/calls/" + "a" * 129), "connection_broken"),
        (accepted(sdp="<html></html>"), "connection_broken"),
        (accepted(sdp="v=0" + " " * MAX_SDP_CHARACTERS), "connection_broken"),
        (httpx2.ConnectError("secret"), "unreachable"),
        (httpx2.ReadTimeout("secret"), "stalled"),
    ],
)
async def test_what_is_no_call_is_an_upstream_error(
    answer: httpx2.Response | Exception, code: str
) -> None:
    with pytest.raises(UpstreamError) as error:
        await made(answer)
    assert error.value.code == code
    assert "secret" not in repr(error.value)


@pytest.mark.parametrize("sdp", ["<html></html>", "v=0" + " " * MAX_SDP_CHARACTERS])
async def test_a_call_without_a_usable_answer_is_hung_up(sdp: str) -> None:
    seen: list[httpx2.Request] = []
    with pytest.raises(UpstreamError):
        await made(accepted(sdp=sdp), seen)
    assert [request.url.path for request in seen] == [
        "/v1/realtime/calls", "/v1/realtime/calls/rtc_1/hangup",
    ]  # fmt: skip


async def ended(status: int) -> list[str]:
    seen: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(f"{request.method} {request.url.path}")
        return httpx2.Response(status)

    client = rest_client(
        OPENAI, "http://provider.test/v1", KEY, transport=httpx2.MockTransport(handle)
    )
    async with client:
        await hang_up(client, OPENAI, "rtc_1")
    return seen


@pytest.mark.parametrize("status", [200, 204, 404])
async def test_a_call_is_hung_up_and_one_that_has_ended_is_no_error(status: int) -> None:
    assert await ended(status) == ["POST /v1/realtime/calls/rtc_1/hangup"]


async def test_a_hang_up_that_fails_is_an_error() -> None:
    with pytest.raises(UpstreamError):
        await ended(500)
