"""An ephemeral key over REST: what is sent, and what each answer means."""

import asyncio
import json
from datetime import UTC, datetime

import httpx2
import pytest

from backend.protocol.errors import UpstreamFailed, UpstreamRefused, UpstreamTimeout
from backend.upstream.client_secrets import ClientSecret, make_client_secret
from backend.upstream.rest import rest_client
from tests.upstream.equipment import KEY, OPENAI

REQUEST = {"expires_after": {"anchor": "created_at", "seconds": 60}, "session": {"type": "x"}}


async def made(answer: object, *, status: int = 200, within_s: float = 10) -> ClientSecret:
    async def handle(request: httpx2.Request) -> httpx2.Response:
        if answer == "never":
            await asyncio.Event().wait()
        assert str(request.url) == "http://provider.test/v1/realtime/client_secrets"
        assert json.loads(request.content) == REQUEST
        assert request.headers["OpenAI-Safety-Identifier"] == "a1b2"
        return httpx2.Response(status, json=answer)

    transport = httpx2.MockTransport(handle)
    async with rest_client(OPENAI, "http://provider.test/v1", KEY, transport=transport) as client:
        return await make_client_secret(client, OPENAI, REQUEST, "a1b2", within_s=within_s)


async def test_the_key_and_its_expiry_are_returned() -> None:
    secret = await made({"value": "ek_1", "expires_at": 1_770_033_600, "session": {}})
    assert secret == ClientSecret("ek_1", datetime(2026, 2, 2, 12, tzinfo=UTC))
    assert "ek_1" not in repr(secret)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        {"value": "ek_1"},
        {"value": "", "expires_at": 1},
        {"value": 1, "expires_at": 1},
        {"value": "ek_1", "expires_at": "1"},
        {"value": "ek_1", "expires_at": True},
        {"value": "ek_1", "expires_at": 10**30},
    ],
    ids=str,
)
async def test_an_answer_of_another_shape_is_a_failure(answer: object) -> None:
    with pytest.raises(UpstreamFailed):
        await made(answer)


async def test_a_refusal_is_named() -> None:
    with pytest.raises(UpstreamRefused) as refused:
        await made({"error": {"code": "invalid_api_key"}}, status=401)
    assert refused.value.code == "invalid_api_key"


async def test_a_silent_provider_is_given_up() -> None:
    with pytest.raises(UpstreamTimeout):
        await made("never", within_s=0.01)
