"""Frames: one WebSocket message each, parsed at most once, by two parsers of opposite strictness.

A client's frame is parsed strictly, since the text that was judged is the text that is sent: two
parsers may never see two different events in it (RFC 8259 leaves duplicate keys, huge numbers and
lone surrogates to each parser: sections 4, 6, 8.2). A provider's frame is parsed leniently, since
providers add to the protocol: unknown types, additional fields and fields of another type pass.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from backend.protocol.errors import BadFrame, UpstreamFailed
from backend.protocol.reading import int_at, mapping_at, text_at

MAX_DEPTH = 32
"""The deepest nesting accepted from a client. A typed message, the deepest allowed event, has 4."""

MAX_INTEGER_DIGITS = 15
"""Longer integers differ between parsers: only 53 bits are interoperable (RFC 8259, 6)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A client's well-formed frame: the text as it came, its type, its parsed event."""

    text: str
    type: str
    event: dict[str, Any]


def parse_from_client(text: str | bytes, max_bytes: int) -> Frame:
    """Parse a client's frame strictly. `max_bytes` counts UTF-8 bytes.

    Raises BadFrame with a code of `errors.BAD_FRAME_CODES`. An audio append of 40 ms (2.6 KB)
    costs 8 microseconds.
    """
    if not isinstance(text, str):
        raise BadFrame("frame_binary")
    if _size_in_bytes(text) > max_bytes:
        raise BadFrame("frame_too_large")
    # Nothing nests deeper than it has brackets, so counting them avoids most scans.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_too_deep(text):
        raise BadFrame("frame_too_deep")
    try:
        event = _STRICT.decode(text)
    except ValueError as error:
        raise BadFrame("frame_not_json") from error
    if not isinstance(event, dict):
        raise BadFrame("frame_not_object")
    if "\\u" in text and _has_lone_surrogate(event):
        raise BadFrame("frame_not_json")
    event_type = event.get("type")
    if not isinstance(event_type, str) or not event_type:
        raise BadFrame("frame_without_type", text_at(event, "event_id"))
    return Frame(text, event_type, event)


def _size_in_bytes(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise BadFrame("frame_not_json") from error


# An unclosed string matches to the end of the text. Otherwise each of its quotes would be tried in
# turn, and 400 KB of them would take eight minutes.
_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def _is_too_deep(text: str) -> bool:
    """Return whether brackets outside strings nest deeper than MAX_DEPTH.

    An estimate for text that is not JSON. A bomb of brackets is read only to the bracket too many.
    """
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _object_with_single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadFrame("frame_duplicate_key")
    return found


def _finite_float(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise BadFrame("frame_not_finite")
    return number


def _modest_integer(written: str) -> int:
    if len(written.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise BadFrame("frame_not_finite")
    return int(written)


def _refuse_constant(written: str) -> None:
    raise BadFrame("frame_not_finite")


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object_with_single_keys,
    parse_float=_finite_float,
    parse_int=_modest_integer,
    parse_constant=_refuse_constant,
)


def _has_lone_surrogate(event: dict[str, Any]) -> bool:
    try:
        json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


_REFUSED_BY_MSGSPEC = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)


class UpstreamFrame(msgspec.Struct):
    """A provider's frame with its most used fields; `event` is parsed on first access.

    `type` and `delta` are empty where the provider sent none; an audio delta is base64. A field of
    an unexpected type counts as missing. Every frame makes one: msgspec decodes it as it is, and
    skips the other fields.
    """

    type: str = ""
    event_id: str | None = None
    item_id: str | None = None
    response_id: str | None = None
    content_index: int = 0
    delta: str = ""
    # Not of the event, in which no provider has these names: `peek_from_upstream` sets both.
    text: str = msgspec.field(default="", name="-text")
    _event: dict[str, Any] | None = msgspec.field(default=None, name="-event")

    @property
    def event(self) -> dict[str, Any]:
        """The whole event, parsed once."""
        if self._event is None:
            self._event = _read_leniently(self.text)
        return self._event


_UPSTREAM_FRAME = msgspec.json.Decoder(UpstreamFrame)


class _Named(msgspec.Struct, gc=False):
    id: str


class _WithItem(msgspec.Struct, gc=False):
    item: _Named


_WITH_ITEM = msgspec.json.Decoder(_WithItem)


def id_of_item(frame: UpstreamFrame) -> str | None:
    """The id of the event's `item`, without building the event: each item of a past has one.

    None where there is no such id. Raises UpstreamFailed("provider_failed") as `event` does.
    """
    try:
        return _WITH_ITEM.decode(frame.text).item.id
    except _REFUSED_BY_MSGSPEC:
        return text_at(mapping_at(frame.event, "item"), "id")


def peek_from_upstream(text: str) -> UpstreamFrame:
    """Read a provider's frame without building its event: 3 microseconds for 8 KB of audio.

    Raises UpstreamFailed("provider_failed") for what is not a JSON object.
    """
    try:
        frame = _UPSTREAM_FRAME.decode(text)
    except _REFUSED_BY_MSGSPEC:
        return _peek_leniently(text)
    frame.text, frame._event = text, None
    return frame


def _peek_leniently(text: str) -> UpstreamFrame:
    """Read the rare frame with a field of another type, or with a lone surrogate."""
    event = _read_leniently(text)
    return UpstreamFrame(
        text_at(event, "type") or "",
        text_at(event, "event_id"),
        text_at(event, "item_id"),
        text_at(event, "response_id"),
        int_at(event, "content_index") or 0,
        text_at(event, "delta") or "",
        text,
        event,
    )


def _read_leniently(text: str) -> dict[str, Any]:
    # Nothing nests deeper than it has brackets. Of what msgspec reads, the last three levels are
    # too deep for the encoder, which may have to write the event for the client.
    if text.count("{") + text.count("[") > _MAX_QUICK_BRACKETS:
        event = _read_slowly(text)
    else:
        try:
            event = _QUICK.decode(text)
        except _REFUSED_BY_MSGSPEC:
            event = _read_slowly(text)
    if not isinstance(event, dict):
        raise UpstreamFailed("provider_failed")
    return event


def _read_slowly(text: str) -> Any:
    try:
        return _LENIENT.decode(text)
    except (ValueError, RecursionError) as error:
        raise UpstreamFailed("provider_failed") from error


def _no_constant(written: str) -> None:
    raise ValueError(written)


_QUICK = msgspec.json.Decoder()
"""Reads what it does not refuse as `_LENIENT` does, in a third of the time. It refuses numbers that
are no double, integers of thousands of digits and lone surrogates. It reads deeper nesting.
"""
_MAX_QUICK_BRACKETS = 500
_LENIENT = json.JSONDecoder(parse_constant=_no_constant)
