"""What the provider owes when a call ends: answers that are words, or decide about them. PURE.

A person who types and leaves at once, or whose last sentence is still being transcribed, has said
it all the same. The words come only in the provider's answers, so these are waited for, briefly.
"""

from collections.abc import Mapping
from typing import Any

_TRANSCRIBED = "conversation.item.input_audio_transcription."
_NOTHING_TO_COMMIT = "input_audio_buffer_commit_empty"


class PendingReplies:
    """Asked and not yet answered: typed messages, committed speech, transcripts, truncations."""

    def __init__(self) -> None:
        self._typed = 0
        self._uncommitted = 0
        self._untranscribed: set[str] = set()
        self._uncut: set[str] = set()

    @property
    def are_open(self) -> bool:
        """Whether anything is owed."""
        return bool(self._typed or self._uncommitted or self._untranscribed or self._uncut)

    def asked(self, event: Mapping[str, Any]) -> None:
        """This event of the client's goes to the provider."""
        if event["type"] == "conversation.item.create":
            self._typed += 1
        elif event["type"] == "input_audio_buffer.commit":
            self._uncommitted += 1
        elif event["type"] == "conversation.item.truncate":
            self._uncut.add(event["item_id"])

    def told(self, event: Mapping[str, Any]) -> None:
        """The provider said this."""
        kind, item_id = event.get("type"), event.get("item_id")
        if kind == "input_audio_buffer.committed" and isinstance(item_id, str):
            self._uncommitted = max(0, self._uncommitted - 1)
            self._untranscribed.add(item_id)
        elif kind == "error" and _code_of(event) == _NOTHING_TO_COMMIT:
            self._uncommitted = max(0, self._uncommitted - 1)
        elif kind in (f"{_TRANSCRIBED}completed", f"{_TRANSCRIBED}failed"):
            self._untranscribed.discard(str(item_id))
        elif kind == "conversation.item.truncated":
            self._uncut.discard(str(item_id))
        elif kind in ("conversation.item.added", "conversation.item.created") and is_typed(event):
            self._typed = max(0, self._typed - 1)


def _code_of(event: Mapping[str, Any]) -> object:
    error = event.get("error")
    return error.get("code") if isinstance(error, Mapping) else None


def is_typed(event: Mapping[str, Any]) -> bool:
    """Whether the event's item is a message that the user typed."""
    item = event.get("item")
    if not isinstance(item, Mapping) or item.get("role") != "user":
        return False
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, Mapping) and part.get("type") == "input_text" for part in parts)
