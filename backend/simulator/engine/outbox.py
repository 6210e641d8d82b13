"""PURE: what goes out of one session, in order: events under ids of their own, and other effects.

EMITTED       every event type that can come out; a test validates each with the official types
"""

from collections.abc import Callable
from typing import Any

from backend.simulator.engine.effects import Effect, Send
from backend.simulator.engine.errors import Refused

EMITTED: frozenset[str] = frozenset(
    {
        "error",
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.timeout_triggered",
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.done",
        "rate_limits.updated",
    }
)


class Outbox:
    """Effects that wait to be taken; `new_id` gives an id for a prefix, never the same twice."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self.new_id = new_id
        self._effects: list[Effect] = []

    def send(self, type: str, **fields: Any) -> None:
        """An event of this type."""
        self._effects.append(Send({"type": type, "event_id": self.new_id("event"), **fields}))

    def refuse(self, refused: Refused, event_id: str | None = None) -> None:
        """An `error` event; `event_id` is the client's own, of the event that was wrong."""
        self.send(
            "error",
            error={
                "type": "invalid_request_error",
                "code": refused.code,
                "message": refused.message,
                "param": refused.param,
                "event_id": event_id,
            },
        )

    def put(self, effect: Effect) -> None:
        """Anything that is no event."""
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        """What came together since the last time; the outbox is empty then."""
        taken, self._effects = self._effects, []
        return taken
