"""Has the provider make an ephemeral key (`POST /realtime/client_secrets`)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import openai

from backend.protocol.errors import UpstreamFailed
from backend.protocol.reading import mapping_at
from backend.upstream.providers.interface import Provider
from backend.upstream.rest import upstream_errors

WITHIN_S = 10.0
"""How long the whole request may take, from the connection to the end of the answer."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A key with which anybody may open sessions until it expires. It is not in the `repr`."""

    value: str = field(repr=False)
    expires_at: datetime


async def make_client_secret(
    client: openai.AsyncOpenAI,
    provider: Provider,
    request: Mapping[str, Any],
    safety_identifier: str,
    *,
    within_s: float = WITHIN_S,
) -> ClientSecret:
    """POST this body, once. Sessions that the key opens are the user's of `safety_identifier`.

    Not by the SDK's typed method (`client.realtime.client_secrets.create`), for the reason that
    `rest.post_streamed` gives. Raises an UpstreamError, also after `within_s` seconds.
    """
    with upstream_errors(provider):
        async with asyncio.timeout(within_s):
            answer = await client.post(
                "/realtime/client_secrets",
                cast_to=object,
                body=dict(request),
                options={"headers": provider.user_headers(safety_identifier)},
            )
        return _secret_in(mapping_at(answer))


def _secret_in(answer: Mapping[str, Any]) -> ClientSecret:
    """The key in the answer. Raises UpstreamFailed if it is not of the documented shape."""
    value, expires_at = answer.get("value"), answer.get("expires_at")
    if not isinstance(value, str) or not value or type(expires_at) is not int:
        raise UpstreamFailed("connection_broken")
    try:
        return ClientSecret(value, datetime.fromtimestamp(expires_at, UTC))
    except (OverflowError, OSError, ValueError):
        raise UpstreamFailed("connection_broken") from None
