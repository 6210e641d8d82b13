"""The pending replies of the provider that carry the user's words or may refuse them. PURE.

A user may leave right after typing, or while the last sentence is being transcribed. The words come
only with the provider's replies, so the call waits for these for a short time.
"""

from collections.abc import Callable, Mapping
from typing import Any

from backend.protocol.events import ClientEvent, ServerEvent
from backend.protocol.reading import mapping_at, mappings_at, text_at

_NOTHING_TO_COMMIT = "input_audio_buffer_commit_empty"


class PendingReplies:
    """Pending are typed messages, committed speech, transcripts and truncations."""

    def __init__(self) -> None:
        self._typed_messages = 0
        self._commits = 0
        self._transcripts: set[str] = set()
        self._truncations: set[str] = set()

    @property
    def are_pending(self) -> bool:
        """Whether at least one reply is pending."""
        return bool(self._typed_messages or self._commits or self._transcripts or self._truncations)

    def add_client_event(self, event: Mapping[str, Any]) -> None:
        """Take note of a client's event that goes to the provider."""
        match event["type"]:
            case ClientEvent.CONVERSATION_ITEM_CREATE:
                self._typed_messages += 1
            case ClientEvent.INPUT_AUDIO_BUFFER_COMMIT:
                self._commits += 1
            case ClientEvent.CONVERSATION_ITEM_TRUNCATE:
                self._truncations.add(event["item_id"])

    def add_provider_event(self, event: Mapping[str, Any]) -> None:
        """Take note of a provider's event: it may be a reply, or lead to a further one."""
        event_type = event.get("type")
        handler = _HANDLERS.get(event_type) if isinstance(event_type, str) else None
        if handler is not None:
            handler(self, event)

    def give_up_transcript(self, item_id: str) -> None:
        """The transcript of this item has not come in time."""
        self._transcripts.discard(item_id)

    def _on_committed(self, event: Mapping[str, Any]) -> None:
        item_id = text_at(event, "item_id")
        if item_id is not None:
            self._commits = max(0, self._commits - 1)
            self._transcripts.add(item_id)

    def _on_error(self, event: Mapping[str, Any]) -> None:
        if mapping_at(event, "error").get("code") == _NOTHING_TO_COMMIT:
            self._commits = max(0, self._commits - 1)

    def _on_transcript(self, event: Mapping[str, Any]) -> None:
        self._transcripts.discard(text_at(event, "item_id") or "")

    def _on_truncated(self, event: Mapping[str, Any]) -> None:
        self._truncations.discard(text_at(event, "item_id") or "")

    def _on_item(self, event: Mapping[str, Any]) -> None:
        if is_typed_message(event):
            self._typed_messages = max(0, self._typed_messages - 1)


_HANDLERS: Mapping[str, Callable[[PendingReplies, Mapping[str, Any]], None]] = {
    ServerEvent.INPUT_AUDIO_BUFFER_COMMITTED: PendingReplies._on_committed,
    ServerEvent.ERROR: PendingReplies._on_error,
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED: (
        PendingReplies._on_transcript
    ),
    ServerEvent.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_FAILED: PendingReplies._on_transcript,
    ServerEvent.CONVERSATION_ITEM_TRUNCATED: PendingReplies._on_truncated,
    ServerEvent.CONVERSATION_ITEM_ADDED: PendingReplies._on_item,
    ServerEvent.CONVERSATION_ITEM_CREATED: PendingReplies._on_item,
}
"""Events that reply to something, by type."""
READ_TYPES = frozenset(_HANDLERS)
"""The types of the provider's events that change something here."""


def is_typed_message(event: Mapping[str, Any]) -> bool:
    """Whether the event's item is a message that the user typed."""
    item = mapping_at(event, "item")
    if item.get("role") != "user":
        return False
    return any(part.get("type") == "input_text" for part in mappings_at(item, "content"))
