"""Events of a provider, for tests of the terminal client."""

import base64
from typing import Any

Event = dict[str, Any]


def speech(item_id: str, text: str = "") -> list[Event]:
    """A spoken utterance from its start to its commit; with `text` also its transcript."""
    events: list[Event] = [
        {"type": "input_audio_buffer.speech_started", "item_id": item_id},
        {"type": "input_audio_buffer.speech_stopped", "item_id": item_id},
        {"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": None},
    ]
    return [*events, transcript(item_id, text)] if text else events


def transcript(item_id: str, text: str) -> Event:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": text,
    }


def response_created(response_id: str = "resp_1") -> Event:
    return {"type": "response.created", "response": {"id": response_id, "status": "in_progress"}}


def response_done(response_id: str = "resp_1", status: str = "completed", **more: Any) -> Event:
    return {"type": "response.done", "response": {"id": response_id, "status": status, **more}}


def words(item_id: str, text: str, previous: str = "") -> list[Event]:
    """An answer's item with the words that are spoken."""
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress"}
    added = {"type": "conversation.item.added", "item": {**item, "content": []}}
    return [
        added | {"previous_item_id": previous or None},
        {
            "type": "response.output_audio_transcript.delta",
            "item_id": item_id,
            "response_id": "resp_1",
            "content_index": 0,
            "delta": text,
        },
    ]


def sound(item_id: str, pcm: bytes, *, response_id: str = "resp_1", event_id: str = "") -> Event:
    return {
        "type": "response.output_audio.delta",
        "event_id": event_id,
        "item_id": item_id,
        "response_id": response_id,
        "content_index": 0,
        "delta": base64.b64encode(pcm).decode(),
    }


def item_done(item_id: str, text: str, *, role: str = "assistant") -> Event:
    kind = "output_audio" if role == "assistant" else "input_text"
    field = "transcript" if role == "assistant" else "text"
    item = {"id": item_id, "type": "message", "role": role, "status": "completed"}
    return {
        "type": "conversation.item.done",
        "item": {**item, "content": [{"type": kind, field: text}]},
    }


def text_answer(item_id: str, text: str, response_id: str = "resp_1") -> list[Event]:
    """A whole answer without a voice."""
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "completed"}
    content = [{"type": "output_text", "text": text}]
    return [
        response_created(response_id),
        {"type": "conversation.item.done", "item": {**item, "content": content}},
        response_done(response_id, usage={"input_tokens": 5, "output_tokens": 3}),
    ]
