"""Read a provider's JSON without trusting its shape, and write JSON compactly.

A provider may leave out a field, send another type or add fields, and none of it is an error. So
the accessors return an empty value for whatever is not of the expected type and never raise.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

JsonObject = Mapping[str, Any]

_EMPTY: JsonObject = {}
_ENCODERS = {
    is_ascii: json.JSONEncoder(ensure_ascii=is_ascii, separators=(",", ":"))
    for is_ascii in (False, True)
}
"""`json.dumps` makes a new one each time, for 2 us."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def mapping_at(value: object, *path: str) -> JsonObject:
    """The JSON object at this path of keys (`value` itself if none are given); {} otherwise.

    What a parser made of an object is a dict: to ask for any Mapping takes five times as long.
    """
    for name in path:
        if not isinstance(value, dict):
            return _EMPTY
        value = value.get(name)
    return value if isinstance(value, dict) else _EMPTY


def mappings_at(event: JsonObject, name: str) -> list[JsonObject]:
    """The list in this field. A member that is no JSON object is {}, so that indexes still fit."""
    value = event.get(name)
    if not isinstance(value, list):
        return []
    return [member if isinstance(member, dict) else _EMPTY for member in value]


def text_at(event: JsonObject, name: str) -> str | None:
    """The string in this field, as it is; None for any other type."""
    value = event.get(name)
    return value if isinstance(value, str) else None


def int_at(event: JsonObject, name: str) -> int | None:
    """The integer in this field; None for any other type. True and false are not integers."""
    value = event.get(name)
    return value if type(value) is int else None


def clean_text_at(event: JsonObject, name: str) -> str:
    """The string in this field as `clean_text` leaves it; empty for any other type."""
    text = text_at(event, name)
    return clean_text(text) if text else ""


def clean_text(text: str, *, mark: str = "") -> str:
    """The text without what PostgreSQL or UTF-8 cannot store.

    Two halves of a surrogate pair become their character: JSON can escape each half by itself. A
    half without its other half becomes `mark`, as does NUL (PostgreSQL refuses it).
    """
    if not (text.isascii() or _is_utf8(text)):
        joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        text = _SURROGATE.sub(mark, joined)
    return text.replace("\0", mark)


def _is_utf8(text: str) -> bool:
    """Whether the text has no surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode(event: JsonObject | str, *, ascii_only: bool = True) -> str:
    """The event, or a string of one, as compact JSON.

    ASCII by default: a provider's event can contain a lone surrogate, which UTF-8 cannot encode and
    a JSON escape can.
    """
    return _ENCODERS[ascii_only].encode(event)
