"""What the relay's tests share: a plan, times, and frames as both sides send them."""

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.protocol.endings import ENDINGS
from backend.protocol.transcript.turns import Role
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.plan import CallPlan, PastItem
from backend.upstream.providers.interface import SessionSettings, TurnDetection
from backend.upstream.providers.openai import OpenAI

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
CLOSING_ENDINGS = [ending for ending, row in ENDINGS.items() if row.close_code is not None]
"""Every ending after which there is a socket to close."""

SECRET_INSTRUCTIONS = "You are a customer. Never say that you are one."
PAST = (
    PastItem("item_past_user", Role.USER, "My name is Aoi."),
    PastItem("item_past_reply", Role.ASSISTANT, "Nice to meet you, Aoi."),
)


def at(seconds: float) -> datetime:
    """This many seconds after the start."""
    return START + timedelta(seconds=seconds)


def plan(
    *past: PastItem,
    language: str = "en",
    limits: Limits | None = None,
    history_tokens: int | None = None,
) -> CallPlan:
    """A call's plan with this past; its connection is never renewed without `history_tokens`."""
    return CallPlan(
        call_id="11111111-1111-4111-8111-111111111111",
        session_id="22222222-2222-4222-8222-222222222222",
        language="ja" if language == "ja" else "en",
        model="gpt-realtime",
        voice="marin",
        session=OpenAI().session(
            SessionSettings(SECRET_INSTRUCTIONS, "marin", "gpt-transcribe", TurnDetection())
        ),
        past=past,
        limits=limits or DEFAULT_LIMITS,
        history_tokens=history_tokens,
    )


def frame(**event: Any) -> str:
    """An event as text, as Python's json writes it."""
    return json.dumps(event)


def append(ms: int = 40, sample: bytes = b"\1\2") -> str:
    """An append of this many milliseconds."""
    audio = base64.b64encode(sample * (24 * ms)).decode()
    return frame(type="input_audio_buffer.append", audio=audio)


def typed(text: str = "Hello!", item_id: str | None = None) -> str:
    """A typed message."""
    item: dict[str, Any] = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }
    return frame(type="conversation.item.create", item=({"id": item_id} if item_id else {}) | item)


def session(**more: Any) -> dict[str, Any]:
    """A session as the provider echoes it, with fields that clients may not see."""
    return {
        "id": "sess_1",
        "object": "realtime.session",
        "type": "realtime",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "instructions": SECRET_INSTRUCTIONS,
        "tools": [{"type": "function", "name": "secret_tool"}],
        "tool_choice": "auto",
        "tracing": {"workflow_name": "secret_workflow"},
        "prompt": {"id": "secret_prompt"},
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "gpt-transcribe", "prompt": "secret_words"},
                "turn_detection": {"type": "server_vad"},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
        },
        **more,
    }


def created() -> str:
    return frame(type="session.created", event_id="event_1", session=session())


def updated() -> str:
    return frame(type="session.updated", event_id="event_2", session=session())


def item_event(
    kind: str, item_id: str, previous: str | None = None, role: str = "user", **item: Any
) -> str:
    """`conversation.item.added` or `.done` for a message."""
    return frame(
        type=f"conversation.item.{kind}",
        event_id=f"event_{kind}_{item_id}",
        previous_item_id=previous,
        item={"id": item_id, "object": "realtime.item", "type": "message", "role": role, **item},
    )


_audio_deltas = itertools.count()


def audio_delta(item_id: str, ms: int = 100, response_id: str = "resp_1") -> str:
    """A piece of a response's audio."""
    return frame(
        type="response.output_audio.delta",
        event_id=f"event_audio_{next(_audio_deltas)}",
        response_id=response_id,
        item_id=item_id,
        output_index=0,
        content_index=0,
        delta=base64.b64encode(b"\0\0" * (24 * ms)).decode(),
    )


def words(item_id: str, delta: str, response_id: str = "resp_1") -> str:
    """A piece of a spoken response's transcript."""
    return frame(
        type="response.output_audio_transcript.delta",
        event_id=f"event_words_{item_id}_{delta}",
        response_id=response_id,
        item_id=item_id,
        output_index=0,
        content_index=0,
        delta=delta,
    )


def provider_error(
    code: str | None,
    event_id: str | None = None,
    message: str = "No.",
    kind: str = "invalid_request_error",
) -> str:
    error = {
        "type": kind,
        "code": code,
        "message": message,
        "param": None,
        "event_id": event_id,
    }
    return frame(type="error", event_id="event_error", error=error)


def response_created(response_id: str = "resp_1") -> str:
    response = {"id": response_id, "object": "realtime.response", "status": "in_progress"}
    return frame(type="response.created", event_id=f"e_{response_id}", response=response)


def response_done(response_id: str = "resp_1", status: str = "completed", **more: Any) -> str:
    response = {"id": response_id, "object": "realtime.response", "status": status, **more}
    return frame(type="response.done", event_id=f"e_{response_id}_done", response=response)
