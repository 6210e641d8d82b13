"""PURE: which events a client may send, and which fields each may have (protocol §1.2)."""

from typing import Final

from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import Refused
from backend.simulator.engine.parameters import RESPONSE
from backend.simulator.engine.validators import (
    Shape,
    free,
    or_null,
    record,
    short_text,
    text,
    whole,
)

_ALWAYS: Final[dict[str, Shape]] = {"type": text, "event_id": or_null(short_text(0, 512))}
_ITEM: Final[dict[str, Shape]] = {"item_id": text}

FIELDS: Final[dict[str, dict[str, Shape]]] = {
    "session.update": {"session": free},
    "input_audio_buffer.append": {"audio": text},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": free, "previous_item_id": or_null(text)},
    "conversation.item.retrieve": _ITEM,
    "conversation.item.delete": _ITEM,
    "conversation.item.truncate": {**_ITEM, "content_index": whole(0), "audio_end_ms": whole(0)},
    "response.create": {"response": or_null(free)},
    "response.cancel": {"response_id": or_null(text)},
}
"""By event type. What is `free` here is looked at by whoever takes it."""

_MAY_BE_ABSENT = frozenset({"previous_item_id", "response", "response_id"})

_SHAPES: Final[dict[str, Shape]] = {
    type: record(
        {**_ALWAYS, **fields},
        needs=tuple(name for name in fields if name not in _MAY_BE_ABSENT),
    )
    for type, fields in FIELDS.items()
}


def known_event(event: object) -> Event:
    """The event, if its type and its fields are known. Raises Refused."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Refused("invalid_event", "The event is not a JSON object with a 'type'.", "type")
    if event["type"] not in FIELDS:
        known = ", ".join(f"'{name}'" for name in FIELDS)
        raise Refused(
            "invalid_value",
            f"Invalid value: '{event['type'][:64]}'. Supported values are: {known}.",
            "type",
        )
    _SHAPES[event["type"]](event, "")
    return event


def response_params(event: Event) -> Event:
    """What a `response.create` asks for; empty where it asks for nothing. Raises Refused."""
    params: Event | None = event.get("response")
    if params is None:
        return {}
    RESPONSE(params, "response")
    return params
