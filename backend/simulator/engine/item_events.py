"""PURE: handlers of `conversation.item.*`: create, retrieve, delete, truncate."""

from collections.abc import Callable

from backend.simulator.engine.conversation import (
    BYTES_PER_MS,
    Conversation,
    Item,
    item_from_client,
)
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import ClientEventError, invalid_value
from backend.simulator.engine.outbox import Outbox

ItemHandler = Callable[[Conversation, Event, Outbox], None]


def insert_item(conversation: Conversation, item: Item, after: str | None, out: Outbox) -> None:
    """Insert a completed item (see `Conversation.insert`) and send its events."""
    previous = conversation.insert(item, after)
    for type in ("conversation.item.added", "conversation.item.done"):
        out.send(type, item=item.as_event(), previous_item_id=previous)


def create(conversation: Conversation, event: Event, out: Outbox) -> None:
    """Create an item.

    Raises ClientEventError if it is invalid, its id exists, or the previous item does not.
    """
    item = item_from_client(event["item"], out.new_id("item"))
    if conversation.find(item.id) is not None:
        raise ClientEventError(
            "item_create_duplicate_item_id",
            f"Error adding item: an item with id '{item.id}' already exists.",
            "item.id",
        )
    insert_item(conversation, item, event.get("previous_item_id"), out)


def retrieve(conversation: Conversation, event: Event, out: Outbox) -> None:
    """Send an item with its audio. Raises ClientEventError for an unknown id."""
    item = _existing_item(conversation, event, "retrieve")
    out.send("conversation.item.retrieved", item=item.as_event(with_audio=True))


def delete(conversation: Conversation, event: Event, out: Outbox) -> None:
    """Delete an item. Raises ClientEventError for an unknown id."""
    item = _existing_item(conversation, event, "delete")
    conversation.remove(item)
    out.send("conversation.item.deleted", item_id=item.id)


def truncate(conversation: Conversation, event: Event, out: Outbox) -> None:
    """Shorten assistant audio and delete its transcript: which words remain is unknown.

    Raises ClientEventError if there is no such audio, or if it is shorter already.
    """
    item = _existing_item(conversation, event, "truncate")
    index, end_ms = event["content_index"], event["audio_end_ms"]
    if index >= len(item.parts):
        raise invalid_value("content_index", "the index of a content part")
    part = item.parts[index]
    if part.type != "output_audio":
        raise invalid_value("item_id", "an assistant message with audio")
    if end_ms > part.audio_ms:
        raise ClientEventError(
            "invalid_value",
            f"Audio content of {part.audio_ms}ms is already shorter than {end_ms}ms",
            "audio_end_ms",
        )
    _cut_audio(item, index, end_ms, out)


def truncate_to_played(
    conversation: Conversation, item_id: str, played_ms: int, out: Outbox
) -> None:
    """Shorten an item's audio to what was played, as the provider does in a WebRTC call.

    The client may have deleted the item, or have shortened it further.
    """
    item = conversation.find(item_id)
    if item is not None and played_ms < item.parts[0].audio_ms:
        _cut_audio(item, 0, played_ms, out)


def _cut_audio(item: Item, index: int, end_ms: int, out: Outbox) -> None:
    part = item.parts[index]
    part.audio_ms = end_ms
    part.pcm = part.pcm[: end_ms * BYTES_PER_MS]
    part.text = None
    out.send(
        "conversation.item.truncated",
        item_id=item.id,
        content_index=index,
        audio_end_ms=end_ms,
    )


def _existing_item(conversation: Conversation, event: Event, verb: str) -> Item:
    item = conversation.find(event["item_id"])
    if item is None:
        raise ClientEventError(
            f"item_{verb}_invalid_item_id",
            f"Error: cannot {verb} item: the item does not exist in this conversation.",
            "item_id",
        )
    return item
