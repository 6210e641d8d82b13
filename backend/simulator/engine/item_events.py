"""PURE: what a client does with the conversation's items: creates, reads, deletes, truncates."""

from collections.abc import Callable

from backend.simulator.engine.conversation import BYTES_PER_MS, Conversation, Item, item_from_client
from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import Refused, invalid
from backend.simulator.engine.outbox import Outbox

Edit = Callable[[Conversation, Event, Outbox], None]


def enter(conversation: Conversation, item: Item, after: str | None, out: Outbox) -> None:
    """Puts a finished item after another ("root": first, None: last) and says so."""
    previous = conversation.put(item, after)
    for name in ("conversation.item.added", "conversation.item.done"):
        out.send(name, item=item.as_event(), previous_item_id=previous)


def create(conversation: Conversation, event: Event, out: Outbox) -> None:
    """A new item. Raises Refused where it is none, its id is taken or its place unknown."""
    item = item_from_client(event["item"], out.new_id("item"))
    if conversation.find(item.id) is not None:
        raise Refused(
            "item_create_duplicate_item_id",
            f"Error adding item: an item with id '{item.id}' already exists.",
            "item.id",
        )
    enter(conversation, item, event.get("previous_item_id"), out)


def retrieve(conversation: Conversation, event: Event, out: Outbox) -> None:
    """An item with its sound. Raises Refused."""
    item = _known(conversation, event, "retrieve")
    out.send("conversation.item.retrieved", item=item.as_event(with_audio=True))


def delete(conversation: Conversation, event: Event, out: Outbox) -> None:
    """Takes an item out. Raises Refused."""
    item = _known(conversation, event, "delete")
    conversation.remove(item)
    out.send("conversation.item.deleted", item_id=item.id)


def truncate(conversation: Conversation, event: Event, out: Outbox) -> None:
    """Shortens the assistant's sound; its transcript goes, as nobody knows what is left of it.

    Raises Refused where there is no such sound, or where it is shorter already.
    """
    item = _known(conversation, event, "truncate")
    index, end_ms = event["content_index"], event["audio_end_ms"]
    if index >= len(item.parts):
        raise invalid("content_index", "the index of a content part")
    part = item.parts[index]
    if part.type != "output_audio":
        raise invalid("item_id", "an assistant message with audio")
    if end_ms > part.audio_ms:
        raise Refused(
            "invalid_value",
            f"Audio content of {part.audio_ms}ms is already shorter than {end_ms}ms",
            "audio_end_ms",
        )
    part.audio_ms = end_ms
    part.pcm = part.pcm[: end_ms * BYTES_PER_MS]
    part.text = None
    out.send(
        "conversation.item.truncated",
        item_id=item.id,
        content_index=index,
        audio_end_ms=end_ms,
    )


def _known(conversation: Conversation, event: Event, verb: str) -> Item:
    item = conversation.find(event["item_id"])
    if item is None:
        raise Refused(
            f"item_{verb}_invalid_item_id",
            f"Error: cannot {verb} item: the item does not exist in this conversation.",
            "item_id",
        )
    return item
