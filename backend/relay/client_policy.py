"""What a client may send: allow-lists of event types and fields as values, and one judge. PURE.

The law: an event passes when its type is in the policy and every field of it, at every depth, is
in that type's shape with a value that the shape accepts. There is no list of what is forbidden.
What was judged is what is sent: `judge` changes nothing, so a frame that passes goes on as its
own text.

A policy is a value of the call's plan: the page has `PAGE_POLICY`, another kind of client has
its own.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.protocol.audio import bytes_of_base64
from backend.protocol.errors import EventCode, EventRefused
from backend.protocol.events import ClientEvent
from backend.protocol.frames import Frame
from backend.protocol.reading import text_at

MAX_MESSAGE_CHARACTERS = 32_000
"""The longest typed message in code points, in calls and over REST. The page has the same limit."""

OWN_EVENT_ID_PREFIX = "relay_"
"""Reserved for the relay's own event ids. The relay takes an error about such an id as an answer to
itself: it hides it from the client, or ends the call. So a client may not use one."""

PING = "relay.ping"
"""Answered by the relay itself: a browser cannot send WebSocket pings, and without an answer a page
cannot tell a frozen server from a silent call."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string that fits the pattern from end to end."""

    pattern: re.Pattern[str]

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and self.pattern.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer from `low` to `high`; true and false are not integers."""

    low: int
    high: int

    def accepts(self, value: object) -> bool:
        return type(value) is int and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values, of the same type (so that 1 is not true)."""

    values: tuple[object, ...]

    def accepts(self, value: object) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)


@dataclass(frozen=True, slots=True)
class Base64:
    """Base64 in whole groups of four."""

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and is_base64(value)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of `least` to `most` values, each of the shape `each`."""

    each: "Shape"
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with all of `required`, any of `optional`, and no other field."""

    required: Mapping[str, "Shape"]
    optional: Mapping[str, "Shape"]


Value = Text | Whole | OneOf | Base64
Shape = Value | Listing | Fields

_BASE64_DIGITS = f"{string.ascii_letters}{string.digits}+/".encode()
_EVENT_ID = Text(re.compile(rf"(?!{OWN_EVENT_ID_PREFIX})[^\x00-\x1f\x7f]{{1,64}}"))
# The provider takes at most 32 characters for an id that a client chooses.
_NEW_ITEM_ID = Text(re.compile(rf"(?!{OWN_EVENT_ID_PREFIX})[A-Za-z0-9_-]{{1,32}}"))
_KNOWN_ID = Text(re.compile(r"[A-Za-z0-9_.:-]{1,128}"))
_TYPED = Text(re.compile(rf"[^\x00]{{1,{MAX_MESSAGE_CHARACTERS}}}", re.DOTALL))


# The type was judged by the look-up in the policy.
_ANY_TYPE = Text(re.compile(".*", re.DOTALL))


def is_base64(text: str) -> bool:
    """Whether the text is base64 in whole groups of four, and not empty.

    Deleting the alphabet from 40 ms of audio takes half as long as matching a pattern.
    """
    if not text.isascii() or len(text) % 4 != 0:
        return False
    digits = text.encode().rstrip(b"=")
    return 0 < len(digits) >= len(text) - 2 and not digits.translate(None, _BASE64_DIGITS)


def event_shape(required: Mapping[str, Shape] | None = None, **optional: Shape) -> Fields:
    """The shape of an event with these fields besides `type` and `event_id`."""
    return Fields(required or {}, {"type": _ANY_TYPE, "event_id": _EVENT_ID, **optional})


_APPEND = event_shape({"audio": Base64()})


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """Every event that one kind of client may send, by type, with every field.

    A tape records the policy by its `name`.
    """

    name: str
    events: Mapping[str, Fields]

    @property
    def allows_plain_append(self) -> bool:
        """Whether `plain_append_bytes` may replace `judge`."""
        return self.events.get(ClientEvent.INPUT_AUDIO_BUFFER_APPEND) == _APPEND


PAGE_POLICY = ClientPolicy(
    "page",
    {
        ClientEvent.INPUT_AUDIO_BUFFER_APPEND: _APPEND,
        ClientEvent.INPUT_AUDIO_BUFFER_COMMIT: event_shape(),
        ClientEvent.INPUT_AUDIO_BUFFER_CLEAR: event_shape(),
        ClientEvent.CONVERSATION_ITEM_CREATE: event_shape(
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
        ClientEvent.CONVERSATION_ITEM_TRUNCATE: event_shape(
            {
                "item_id": _KNOWN_ID,
                "content_index": Whole(0, 1_000),
                "audio_end_ms": Whole(0, 24 * 3600 * 1000),
            }
        ),
        ClientEvent.RESPONSE_CREATE: event_shape(
            response=Fields(
                {}, {"output_modalities": Listing(OneOf(("audio", "text")), least=1, most=1)}
            )
        ),
        ClientEvent.RESPONSE_CANCEL: event_shape(response_id=_KNOWN_ID),
        PING: event_shape(),
    },
)
"""The page's policy. Nothing in it can carry instructions, tools, history of another role, or a
response outside the conversation."""

POLICIES: Mapping[str, ClientPolicy] = {policy.name: policy for policy in (PAGE_POLICY,)}
"""Every policy by its name."""

# What `JSON.stringify` and Python's `json.dumps` write before the audio of an append.
_PLAIN_APPEND = re.compile(r'\{"type": ?"input_audio_buffer\.append", ?"audio": ?"')


def plain_append_bytes(text: str) -> int:
    """The bytes of audio in a frame that is an append and nothing more; else 0.

    Such a frame has no room for anything else, so it needs no parser: that takes a quarter of the
    time.
    """
    head = _PLAIN_APPEND.match(text)
    if head is None or not text.endswith('"}'):
        return 0
    encoded = text[head.end() : -2]
    return bytes_of_base64(encoded) if is_base64(encoded) else 0


def judge(frame: Frame, policy: ClientPolicy) -> None:
    """Check that the policy allows this frame to be sent to the provider unchanged.

    Raises EventRefused: `event_not_allowed` (the type), `field_not_allowed` (a field that is not
    in the shape) or `field_invalid` (a value, or a field that is missing), with the dotted path
    in `where`.
    """
    event_id = text_at(frame.event, "event_id")
    shape = policy.events.get(frame.type)
    if shape is None:
        raise EventRefused("event_not_allowed", frame.type[:64], event_id)
    fault = _fault(shape, frame.event, "")
    if fault is not None:
        raise EventRefused(*fault, event_id)


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
            return None if shape.accepts(value) else ("field_invalid", path)


def _fault_of_fields(shape: Fields, value: Any, path: str) -> tuple[EventCode, str] | None:
    if not isinstance(value, dict):
        return "field_invalid", path
    dot = f"{path}." if path else ""
    for name, inner in value.items():
        known = shape.required.get(name) or shape.optional.get(name)
        if known is None:
            return "field_not_allowed", f"{dot}{name}"[:128]
        if fault := _fault(known, inner, f"{dot}{name}"):
            return fault
    for name in shape.required:
        if name not in value:
            return "field_invalid", f"{dot}{name}"
    return None
