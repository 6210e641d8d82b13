"""Asks the Responses API and waits for the whole answer, for jobs that stream nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai

from backend.protocol.errors import UpstreamFailed
from backend.protocol.reading import mapping_at, text_at
from backend.protocol.text_answer import output_text
from backend.protocol.usage import TextUsage, text_usage_of
from backend.upstream.failures import error_named_in
from backend.upstream.providers.interface import Provider
from backend.upstream.rest import STALL_S, upstream_errors


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """The answer's text, which may be empty, and what it cost, where the provider says so.

    `model` is the one that answered; it may be a dated snapshot of the one that was asked.
    """

    text: str
    model: str | None
    usage: TextUsage | None


async def ask_whole(
    client: openai.AsyncOpenAI,
    provider: Provider,
    request: Mapping[str, Any],
    *,
    stall_s: float = STALL_S,
) -> WholeAnswer:
    """POST this body. An answer that was cut off at its length is returned as far as it came.

    Raises an UpstreamError, also after `stall_s` seconds without an answer.
    """
    with upstream_errors(provider):
        async with asyncio.timeout(stall_s):
            answer = await client.post("/responses", cast_to=object, body=dict(request))
    response = mapping_at(answer)
    if response.get("status") == "failed":
        raise error_named_in(mapping_at(response, "error"))
    if not response:
        raise UpstreamFailed("connection_broken")
    return WholeAnswer(
        output_text(response), text_at(response, "model") or None, text_usage_of(response)
    )
