"""A sample of a voice: what is asked of the provider, and what each answer means."""

import base64
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from backend.protocol.errors import UpstreamFailed, UpstreamTimeout
from backend.upstream import voice_sample
from backend.upstream.voice_sample import MAX_SAMPLE_S, Sample, speak_sample
from tests.upstream.equipment import CREATED, OPENAI, provider

SESSION = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
DONE: dict[str, Any] = {"type": "response.done", "response": {"status": "completed"}}


def delta(pcm: bytes) -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "delta": base64.b64encode(pcm).decode()}


async def sample_of(*events: Any, asked: list[Any] | None = None) -> Sample:
    """The sample of a provider that answers with these events; text is sent as it is."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        frames = [json.loads(await connection.recv()) for _ in range(2)]
        if asked is not None:
            asked.extend(frames)
        for event in events:
            await connection.send(event if isinstance(event, str) else json.dumps(event))
        await connection.wait_closed()

    async with provider(script) as seen:
        return await speak_sample(OPENAI, seen.target, SESSION, "Say hello.")


async def test_the_sample_is_the_audio_of_one_answer_outside_of_a_conversation() -> None:
    asked: list[Any] = []
    usage = {"output_token_details": {"audio_tokens": 60, "text_tokens": 0}}
    done = {"type": "response.done", "response": DONE["response"] | {"id": "r", "usage": usage}}
    sample = await sample_of(
        {"type": "session.updated"}, delta(b"ab"), delta(b"cd"), done, asked=asked
    )
    assert sample.pcm == b"abcd"
    assert sample.usage is not None and sample.usage.audio_out == 60
    assert asked == [
        {"type": "session.update", "session": SESSION},
        {
            "type": "response.create",
            "response": {"conversation": "none", "instructions": "Say hello."},
        },
    ]


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "error", "error": {"code": "invalid_value"}}],
        [delta(b"ab"), {"type": "response.done", "response": {"status": "failed"}}],
        [DONE],
        ["no json"],
        ["[]", DONE],
        [{"type": "response.output_audio.delta", "delta": "%%"}],
        [delta(bytes(1_000_000))] * (MAX_SAMPLE_S * OPENAI.audio_rate_hz * 2 // 1_000_000 + 1),
    ],
    ids=["error", "failed", "silent", "no JSON", "no object", "no base64", "endless"],
)
async def test_an_answer_without_a_sample_is_a_failure(events: list[Any]) -> None:
    with pytest.raises(UpstreamFailed):
        await sample_of(*events)


async def test_a_provider_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_sample, "SAMPLE_S", 0.05)
    with pytest.raises(UpstreamTimeout):
        await sample_of(delta(b"ab"))
