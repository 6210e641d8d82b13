"""PURE: the queue of a session's effects, and the event types that the simulator sends."""

from collections.abc import Callable
from typing import Any

from backend.simulator.engine.effects import Effect, Send
from backend.simulator.engine.errors import ClientEventError

SERVER_EVENT_TYPES: frozenset[str] = frozenset(
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
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
        "rate_limits.updated",
    }
)
"""Every event type that the engine can send. A test validates each with the official types."""


class Outbox:
    """FIFO queue of effects. `new_id` takes a prefix and returns a unique id."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self.new_id = new_id
        self._effects: list[Effect] = []

    def send(self, type: str, **fields: Any) -> None:
        """Queue an event of this type, with a new `event_id`."""
        self._effects.append(Send({"type": type, "event_id": self.new_id("event"), **fields}))

    def send_error(self, error: ClientEventError, event_id: str | None = None) -> None:
        """Queue an `error` event; `event_id` is the `event_id` of the client event it refuses."""
        self.send(
            "error",
            error={
                "type": "invalid_request_error",
                "code": error.code,
                "message": error.message,
                "param": error.param,
                "event_id": event_id,
            },
        )

    def put(self, effect: Effect) -> None:
        """Queue an effect other than an event."""
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        """Return the queued effects in order, and empty the queue."""
        taken, self._effects = self._effects, []
        return taken
