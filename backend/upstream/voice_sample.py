"""Has the provider's Realtime model say one sentence, as a sample of a voice.

The sample comes from the model that also speaks in calls, over a connection of its own. The
provider's speech endpoint (`POST /audio/speech`) is not used: its models shut down on 2027-01-06
(https://developers.openai.com/api/docs/deprecations).
"""

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from backend.protocol.errors import UpstreamFailed, UpstreamTimeout
from backend.protocol.reading import JsonObject, mapping_at
from backend.protocol.usage import Usage, usage_of
from backend.upstream.connector import ProviderSocket, connect
from backend.upstream.providers.interface import Provider
from backend.upstream.target import Target

SAMPLE_S = 15.0
"""How long the answer may take, from the open connection on."""
MAX_SAMPLE_S = 20
"""The longest sample: the sentence takes 3 s."""
_BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """Mono PCM16 at the provider's rate, and what it cost; None if the provider did not say."""

    pcm: bytes
    usage: Usage | None


async def speak_sample(
    provider: Provider, target: Target, session: dict[str, Any], instructions: str
) -> Sample:
    """Return what the model says.

    `session` is the configuration of the provider's session, which has the voice; `instructions`
    say what to say. Raises an UpstreamError.
    """
    connection = await connect(provider, target)
    try:
        async with asyncio.timeout(SAMPLE_S):
            await _send(connection, {"type": "session.update", "session": session})
            response = {"conversation": "none", "instructions": instructions}
            await _send(connection, {"type": "response.create", "response": response})
            return await _sound(connection, MAX_SAMPLE_S * provider.audio_rate_hz)
    except TimeoutError:
        raise UpstreamTimeout("timed_out") from None
    finally:
        await connection.close()


async def _send(connection: ProviderSocket, event: JsonObject) -> None:
    await connection.send(json.dumps(event))


async def _sound(connection: ProviderSocket, max_samples: int) -> Sample:
    """Collect the answer's audio. Raises UpstreamFailed if it fails, is silent or too long."""
    pcm = bytearray()
    while len(pcm) <= max_samples * _BYTES_PER_SAMPLE:
        event = _event_in(await connection.receive())
        match event.get("type"):
            case "response.output_audio.delta":
                pcm += _decoded(event.get("delta"))
            case "response.done":
                if mapping_at(event, "response").get("status") == "completed" and pcm:
                    return Sample(bytes(pcm), usage_of(event))
                break
            case "error":
                break
    raise UpstreamFailed("connection_broken")


def _event_in(text: str) -> JsonObject:
    try:
        return mapping_at(json.loads(text))
    except (ValueError, RecursionError):
        raise UpstreamFailed("connection_broken") from None


def _decoded(delta: object) -> bytes:
    try:
        return base64.b64decode(str(delta), validate=True)
    except binascii.Error:
        raise UpstreamFailed("connection_broken") from None
