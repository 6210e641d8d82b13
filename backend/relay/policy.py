"""What clients may say: a table of event types and their fields. PURE.

The law: an event passes when its type is in `ALLOWED` and every field of it, at every depth, is
in that type's shape with a value that the shape takes. There is no list of what is forbidden.
What was judged is what is sent: `judge` changes nothing, so a frame that passes goes on as its
own text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.protocol.errors import EventCode, EventRefused
from backend.protocol.frames import Frame

OWN_EVENT_ID = "relay_"
"""The relay's own event ids begin so. A client that could use one could hide the provider's answers
to what it sent, or end its call with an answer to what the relay never sent."""


PING = "relay.ping"
"""Is answered by the relay itself: a browser cannot ping, and a frozen server looks like a person
who is listened to."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string that fits the pattern from end to end."""

    pattern: re.Pattern[str]

    def takes(self, value: object) -> bool:
        return isinstance(value, str) and self.pattern.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer from `low` to `high`; true and false are none."""

    low: int
    high: int

    def takes(self, value: object) -> bool:
        return type(value) is int and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values, and of their kind."""

    values: tuple[object, ...]

    def takes(self, value: object) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)


@dataclass(frozen=True, slots=True)
class Base64:
    """Base64 in whole groups of four."""

    def takes(self, value: object) -> bool:
        return (
            isinstance(value, str) and len(value) % 4 == 0 and _BASE64.fullmatch(value) is not None
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of `least` to `most` values, each of the shape `each`."""

    each: "Shape"
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with all of `needed`, any of `optional`, and nothing else."""

    needed: Mapping[str, "Shape"]
    optional: Mapping[str, "Shape"]


Value = Text | Whole | OneOf | Base64
Shape = Value | Listing | Fields

_BASE64 = re.compile(r"[A-Za-z0-9+/]++={0,2}")
_EVENT_ID = Text(re.compile(rf"(?!{OWN_EVENT_ID})[^\x00-\x1f\x7f]{{1,64}}"))
# The provider takes at most 32 characters for an id that a client chooses.
_NEW_ITEM_ID = Text(re.compile(rf"(?!{OWN_EVENT_ID})[A-Za-z0-9_-]{{1,32}}"))
_KNOWN_ID = Text(re.compile(r"[A-Za-z0-9_.:-]{1,128}"))
_TYPED = Text(re.compile(r"[^\x00]{1,32000}", re.DOTALL))


# The type has been judged by the look-up in `ALLOWED`.
_ANY_TYPE = Text(re.compile(".*", re.DOTALL))


def _event(needed: Mapping[str, Shape] | None = None, **optional: Shape) -> Fields:
    return Fields(needed or {}, {"type": _ANY_TYPE, "event_id": _EVENT_ID, **optional})


ALLOWED: Mapping[str, Fields] = {
    "input_audio_buffer.append": _event({"audio": Base64()}),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "conversation.item.create": _event(
        {
            "item": Fields(
                {
                    "type": OneOf(("message",)),
                    "role": OneOf(("user",)),
                    "content": Listing(
                        Fields({"type": OneOf(("input_text",)), "text": _TYPED}, {}),
                        least=1,
                        most=1,
                    ),
                },
                {"id": _NEW_ITEM_ID},
            )
        }
    ),
    "conversation.item.truncate": _event(
        {
            "item_id": _KNOWN_ID,
            "content_index": Whole(0, 1_000),
            "audio_end_ms": Whole(0, 24 * 3600 * 1000),
        }
    ),
    "response.create": _event(
        response=Fields(
            {}, {"output_modalities": Listing(OneOf(("audio", "text")), least=1, most=1)}
        )
    ),
    "response.cancel": _event(response_id=_KNOWN_ID),
    PING: _event(),
}
"""Every event that clients may send, with every field. Nothing here can carry instructions, tools,
history of another role, or an answer outside the conversation."""

# What `JSON.stringify` and Python's `json.dumps` make of an append. The pattern leaves no room for
# anything else, so a frame that fits it needs no parser: 4 microseconds instead of 20 for 40 ms.
_PLAIN_APPEND = re.compile(
    r'\{"type": ?"input_audio_buffer\.append", ?"audio": ?"([A-Za-z0-9+/]++={0,2})"\}'
)


def plain_append_length(text: str) -> int:
    """The length of the base64 in a frame that is an append and nothing more; else 0."""
    match = _PLAIN_APPEND.fullmatch(text)
    if match is None:
        return 0
    length = match.end(1) - match.start(1)
    return length if length % 4 == 0 else 0


def judge(frame: Frame) -> None:
    """Return if this frame may go to the provider as it is.

    Raises EventRefused: `event_not_allowed` (the type), `field_not_allowed` (a field that is not
    in the shape) or `field_invalid` (a value, or a field that is missing), with the dotted path
    in `where`.
    """
    event_id = frame.event.get("event_id")
    told_id = event_id if isinstance(event_id, str) else None
    shape = ALLOWED.get(frame.type)
    if shape is None:
        raise EventRefused("event_not_allowed", frame.type[:64], told_id)
    fault = _fault(shape, frame.event, "")
    if fault is not None:
        raise EventRefused(*fault, told_id)


def _fault(shape: Shape, value: Any, path: str) -> tuple[EventCode, str] | None:
    """The first thing wrong with `value`, as a code and a path; None if nothing is."""
    match shape:
        case Fields():
            return _fault_of_fields(shape, value, path)
        case Listing():
            if not isinstance(value, list) or not shape.least <= len(value) <= shape.most:
                return "field_invalid", path
            for index, each in enumerate(value):
                if fault := _fault(shape.each, each, f"{path}.{index}"):
                    return fault
            return None
        case _:
            return None if shape.takes(value) else ("field_invalid", path)


def _fault_of_fields(shape: Fields, value: Any, path: str) -> tuple[EventCode, str] | None:
    if not isinstance(value, dict):
        return "field_invalid", path
    dot = f"{path}." if path else ""
    for name, inner in value.items():
        known = shape.needed.get(name) or shape.optional.get(name)
        if known is None:
            return "field_not_allowed", f"{dot}{name}"[:128]
        if fault := _fault(known, inner, f"{dot}{name}"):
            return fault
    for name in shape.needed:
        if name not in value:
            return "field_invalid", f"{dot}{name}"
    return None
