"""Makes and hangs up WebRTC calls at the provider (`POST /realtime/calls`, protocol section 3.2).

The browser's offer goes to the provider with our key and our session; its answer goes back to the
browser. Audio and the browser's events then pass between those two; we join the call as its
sideband (`upstream.sideband`).

Not by the SDK's typed methods: importing them took 2.8 s on a busy machine, on the event loop.
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from backend.protocol.errors import UpstreamError, UpstreamFailed
from backend.protocol.reading import encode
from backend.upstream.providers.interface import Provider
from backend.upstream.rest import upstream_errors

MAX_SDP_CHARACTERS = 64 * 1024
"""An offer of one audio track and one data channel has 2 to 6 KB."""
SDP_BEGINS = "v=0"

_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class MadeCall:
    """A call that the provider has accepted: its SDP answer, and its own id of the call."""

    sdp: str
    provider_call_id: str


async def make_call(
    client: openai.AsyncOpenAI,
    provider: Provider,
    *,
    sdp: str,
    session: Mapping[str, Any],
    headers: Mapping[str, str],
    timeout_s: float = 10.0,
) -> MadeCall:
    """Post the browser's offer. Raises an UpstreamError; a call without a usable answer is hung up.

    `headers` are those of the provider for the user (`Provider.user_headers`).
    """
    with upstream_errors(provider):
        response = await client.post(
            "/realtime/calls",
            cast_to=httpx2.Response,
            files=[
                ("sdp", (None, sdp.encode(), "application/sdp")),
                ("session", (None, encode(session).encode(), "application/json")),
            ],
            options={
                "headers": {
                    **headers,
                    "Accept": "application/sdp",
                    "Content-Type": "multipart/form-data",
                },
                "timeout": timeout_s,
            },
        )
        answer = response.text
        call_id = response.headers.get("Location", "").rstrip("/").rpartition("/")[2]
        if not _CALL_ID.fullmatch(call_id):
            raise UpstreamFailed("connection_broken")
        if len(answer) > MAX_SDP_CHARACTERS or not answer.startswith(SDP_BEGINS):
            # The provider has a call now. Its caller never gets the id.
            with contextlib.suppress(UpstreamError):
                await hang_up(client, provider, call_id)
            raise UpstreamFailed("connection_broken")
        return MadeCall(answer, call_id)


async def hang_up(
    client: openai.AsyncOpenAI, provider: Provider, provider_call_id: str, timeout_s: float = 3.0
) -> None:
    """End the call at the provider; nothing happens if it has ended. Raises an UpstreamError."""
    with upstream_errors(provider):
        try:
            await client.post(
                f"/realtime/calls/{provider_call_id}/hangup",
                cast_to=httpx2.Response,
                options={"headers": {"Accept": "*/*"}, "timeout": timeout_s},
            )
        except openai.NotFoundError:
            return
