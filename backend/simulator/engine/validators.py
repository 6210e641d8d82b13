"""PURE: validators for the values in client events, with the provider's error for each fault.

A validator takes a value and its path. It raises ClientEventError for the first fault it finds: the
wrong JSON type is `invalid_type`, a value that is not allowed `invalid_value`, a field that does
not exist `unknown_parameter`, one that is absent `missing_required_parameter`. A value that passes
conforms to the official types, so it can be sent back in an event.
"""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final

from backend.simulator.engine.errors import (
    invalid_type,
    invalid_value,
    missing_parameter,
    unknown_parameter,
)

Validator = Callable[[Any, str], None]

MAX_DEPTH: Final = 100
"""The nesting limit of free-form JSON: the configuration is copied and encoded by recursion."""

_JSON_TYPES: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    NoneType: "null",
}


def _require_type(value: Any, path: str, *types: type) -> None:
    if type(value) not in types:
        expected = " or ".join(_JSON_TYPES[each] for each in types)
        raise invalid_type(path, expected, _JSON_TYPES.get(type(value), "something else"))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def string(value: Any, path: str) -> None:
    """A string."""
    _require_type(value, path, str)


def boolean(value: Any, path: str) -> None:
    """True or false."""
    _require_type(value, path, bool)


def any_object(value: Any, path: str) -> None:
    """An object with any content, nested at most `MAX_DEPTH` deep."""
    _require_type(value, path, dict)
    if _is_deeper(value, MAX_DEPTH):
        raise invalid_value(path, f"at most {MAX_DEPTH} levels of nesting")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def string_of_length(low: int, high: int) -> Validator:
    """A string of `low` to `high` characters."""

    def validate(value: Any, path: str) -> None:
        string(value, path)
        if not low <= len(value) <= high:
            raise invalid_value(path, f"a string of {low} to {high} characters")

    return validate


def integer(low: int, high: int | None = None) -> Validator:
    """An integer from `low` to `high`, both included; no upper limit without `high`."""
    expected = f"{low} or more" if high is None else f"{low} to {high}"

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, int)
        if value < low or (high is not None and value > high):
            raise invalid_value(path, expected)

    return validate


def number(low: float, high: float) -> Validator:
    """An integer or a decimal number from `low` to `high`, both included."""

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, float, int)
        # A comparison with NaN is false, so NaN is refused too.
        if not low <= value <= high:
            raise invalid_value(path, f"a number from {low:g} to {high:g}")

    return validate


def one_of(*choices: Any) -> Validator:
    """One of these values, which must all have the same JSON type."""
    expected = "one of " + ", ".join(repr(each) for each in choices)

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, type(choices[0]))
        if value not in choices:
            raise invalid_value(path, expected)

    return validate


def nullable(inner: Validator) -> Validator:
    """Null, or a value that `inner` accepts."""

    def validate(value: Any, path: str) -> None:
        if value is not None:
            inner(value, path)

    return validate


def list_of(inner: Validator) -> Validator:
    """An array whose elements `inner` accepts."""

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, list)
        for index, each in enumerate(value):
            inner(each, f"{path}[{index}]")

    return validate


def map_of(
    inner: Validator, max_pairs: int | None = None, max_name_length: int | None = None
) -> Validator:
    """An object with any field names, whose values `inner` accepts."""

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, dict)
        if max_pairs is not None and len(value) > max_pairs:
            raise invalid_value(path, f"at most {max_pairs} pairs")
        for name, each in value.items():
            if max_name_length is not None and len(name) > max_name_length:
                raise invalid_value(path, f"names of at most {max_name_length} characters")
            inner(each, _join(path, name))

    return validate


def object_of(fields: Mapping[str, Validator], required: tuple[str, ...] = ()) -> Validator:
    """An object with no other fields than these."""

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, dict)
        for name in required:
            if name not in value:
                raise missing_parameter(_join(path, name))
        for name, each in value.items():
            if name not in fields:
                raise unknown_parameter(_join(path, name))
            fields[name](each, _join(path, name))

    return validate


def by_type_field(validators: Mapping[str, Validator]) -> Validator:
    """An object whose `type` field selects its validator."""
    known = one_of(*validators)

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, dict)
        if "type" not in value:
            raise missing_parameter(_join(path, "type"))
        known(value["type"], _join(path, "type"))
        validators[value["type"]](value, path)

    return validate


def by_json_type(validators: Mapping[type, Validator]) -> Validator:
    """A value whose JSON type selects its validator."""

    def validate(value: Any, path: str) -> None:
        _require_type(value, path, *validators)
        validators[type(value)](value, path)

    return validate
