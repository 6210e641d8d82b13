"""A whole answer of the Responses API: its text, its cost, and what its failures become."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

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
from backend.upstream.whole_answer import WholeAnswer, ask_whole
from tests.upstream.equipment import KEY, OPENAI

Answer = Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]

RESPONSE = {
    "id": "resp_1",
    "status": "completed",
    "model": "gpt-5.6-luna-2026-10-01",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Bread"}]}],
    "usage": {"input_tokens": 40, "output_tokens": 3},
}


def answering(body: Any, status: int = 200) -> Answer:
    async def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, json=body)

    return answer


async def ask(answer: Answer, stall_s: float = 5.0) -> WholeAnswer:
    transport = httpx2.MockTransport(answer)
    async with rest_client(OPENAI, "http://provider.test/v1", KEY, transport=transport) as client:
        return await ask_whole(client, OPENAI, {"model": "m", "input": "Hi"}, stall_s=stall_s)


async def test_it_has_the_text_the_model_and_the_cost() -> None:
    seen: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=RESPONSE)

    whole = await ask(answer)
    assert (whole.text, whole.model) == ("Bread", "gpt-5.6-luna-2026-10-01")
    assert whole.usage is not None
    assert (whole.usage.source_id, whole.usage.text_in, whole.usage.text_out) == ("resp_1", 40, 3)
    assert str(seen[0].url) == "http://provider.test/v1/responses"
    assert json.loads(seen[0].content) == {"model": "m", "input": "Hi"}


async def test_an_answer_that_was_cut_off_is_returned() -> None:
    assert (await ask(answering(RESPONSE | {"status": "incomplete"}))).text == "Bread"


async def test_an_answer_without_model_and_usage_has_none() -> None:
    assert await ask(answering({"output": []})) == WholeAnswer("", None, None)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": {"code": "model_not_found"}}, 404, UpstreamRefused),
        ({}, 503, UpstreamUnavailable),
        (
            RESPONSE | {"status": "failed", "error": {"code": "server_error"}},
            200,
            UpstreamUnavailable,
        ),
        ({"status": "failed"}, 200, UpstreamFailed),
        ([], 200, UpstreamFailed),
        ({}, 200, UpstreamFailed),
    ],
)
async def test_a_failure_is_the_providers_error(
    body: Any, status: int, kind: type[UpstreamError]
) -> None:
    with pytest.raises(kind):
        await ask(answering(body, status))


@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
async def test_an_answer_that_is_not_json_is_a_failure(content_type: str) -> None:
    async def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text="<html>", headers={"Content-Type": content_type})

    with pytest.raises(UpstreamFailed):
        await ask(answer)


async def test_a_provider_that_stalls_is_not_waited_for() -> None:
    async def answer(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(UpstreamTimeout):
        await ask(answer, stall_s=0.01)
