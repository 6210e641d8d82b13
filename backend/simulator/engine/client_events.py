"""PURE: the client events that the simulator accepts, and the fields of each (protocol §1.2)."""

from typing import Final

from backend.simulator.engine.effects import Event
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.parameters import RESPONSE
from backend.simulator.engine.validators import (
    Validator,
    any_object,
    integer,
    nullable,
    object_of,
    string,
    string_of_length,
)

_COMMON: Final[dict[str, Validator]] = {
    "type": string,
    "event_id": nullable(string_of_length(0, 512)),
}
_ITEM: Final[dict[str, Validator]] = {"item_id": string}

EVENT_FIELDS: Final[dict[str, dict[str, Validator]]] = {
    "session.update": {"session": any_object},
    "input_audio_buffer.append": {"audio": string},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": any_object, "previous_item_id": nullable(string)},
    "conversation.item.retrieve": _ITEM,
    "conversation.item.delete": _ITEM,
    "conversation.item.truncate": {
        **_ITEM,
        "content_index": integer(0),
        "audio_end_ms": integer(0),
    },
    "response.create": {"response": nullable(any_object)},
    "response.cancel": {"response_id": nullable(string)},
    "output_audio_buffer.clear": {},
}
"""Fields by event type. The handler of the event validates what is `any_object` here."""

_OPTIONAL = frozenset({"previous_item_id", "response", "response_id"})

_VALIDATORS: Final[dict[str, Validator]] = {
    type: object_of(
        {**_COMMON, **fields},
        required=tuple(name for name in fields if name not in _OPTIONAL),
    )
    for type, fields in EVENT_FIELDS.items()
}


def validated_event(event: object) -> Event:
    """Return the event if its type and fields are valid. Raises ClientEventError."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise ClientEventError(
            "invalid_event", "The event is not a JSON object with a 'type'.", "type"
        )
    if event["type"] not in EVENT_FIELDS:
        known = ", ".join(f"'{name}'" for name in EVENT_FIELDS)
        raise ClientEventError(
            "invalid_value",
            f"Invalid value: '{event['type'][:64]}'. Supported values are: {known}.",
            "type",
        )
    _VALIDATORS[event["type"]](event, "")
    return event


def response_params(event: Event) -> Event:
    """The parameters of a `response.create`, {} if it has none. Raises ClientEventError."""
    params: Event | None = event.get("response")
    if params is None:
        return {}
    RESPONSE(params, "response")
    return params
