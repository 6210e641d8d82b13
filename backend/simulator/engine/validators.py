"""PURE: what a client's value must look like, and what the provider says where it does not.

A shape looks at a value and raises the first Refused that it finds, with the path to it: another
JSON type is `invalid_type`, a value that cannot be `invalid_value`, a field that nobody knows
`unknown_parameter`, one that is not there `missing_required_parameter`. What a shape has let pass
is as the official types have it, so that it can be sent back.
"""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final

from backend.simulator.engine.errors import invalid, missing, unknown, wrong_type

Shape = Callable[[Any, str], None]

MOST_LEVELS: Final = 100
"""How deep free JSON may go. The configuration is copied and written by recursion."""

_KINDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    NoneType: "null",
}


def _has_kind(value: Any, path: str, *kinds: type) -> None:
    if type(value) not in kinds:
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        raise wrong_type(path, wanted, _KINDS.get(type(value), "something else"))


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def text(value: Any, path: str) -> None:
    """A string."""
    _has_kind(value, path, str)


def flag(value: Any, path: str) -> None:
    """True or false."""
    _has_kind(value, path, bool)


def free(value: Any, path: str) -> None:
    """An object of any JSON, at most `MOST_LEVELS` deep."""
    _has_kind(value, path, dict)
    if _is_deeper(value, MOST_LEVELS):
        raise invalid(path, f"at most {MOST_LEVELS} levels of nesting")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def short_text(least: int, most: int) -> Shape:
    """A string of so many characters."""

    def shape(value: Any, path: str) -> None:
        text(value, path)
        if not least <= len(value) <= most:
            raise invalid(path, f"a string of {least} to {most} characters")

    return shape


def whole(low: int, high: int | None = None) -> Shape:
    """An integer in a range that includes its ends."""
    wanted = f"{low} or more" if high is None else f"{low} to {high}"

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, int)
        if value < low or (high is not None and value > high):
            raise invalid(path, wanted)

    return shape


def number(low: float, high: float) -> Shape:
    """A number, whole or not, in a range that includes its ends."""

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, float, int)
        # A comparison with NaN is false, so this refuses it too.
        if not low <= value <= high:
            raise invalid(path, f"a number from {low:g} to {high:g}")

    return shape


def one_of(*choices: Any) -> Shape:
    """One of these values, which are all of one JSON type."""
    wanted = "one of " + ", ".join(repr(each) for each in choices)

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, type(choices[0]))
        if value not in choices:
            raise invalid(path, wanted)

    return shape


def or_null(inner: Shape) -> Shape:
    """Null, or what `inner` lets pass."""

    def shape(value: Any, path: str) -> None:
        if value is not None:
            inner(value, path)

    return shape


def list_of(inner: Shape) -> Shape:
    """A list whose every element `inner` lets pass."""

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, list)
        for place, each in enumerate(value):
            inner(each, f"{path}[{place}]")

    return shape


def map_of(inner: Shape, most_pairs: int | None = None, most_name: int | None = None) -> Shape:
    """An object of any names, with values that `inner` lets pass."""

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, dict)
        if most_pairs is not None and len(value) > most_pairs:
            raise invalid(path, f"at most {most_pairs} pairs")
        for name, each in value.items():
            if most_name is not None and len(name) > most_name:
                raise invalid(path, f"names of at most {most_name} characters")
            inner(each, _inside(path, name))

    return shape


def record(fields: Mapping[str, Shape], needs: tuple[str, ...] = ()) -> Shape:
    """An object with these fields only; those that it `needs` must be there."""

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, dict)
        for name in needs:
            if name not in value:
                raise missing(_inside(path, name))
        for name, each in value.items():
            if name not in fields:
                raise unknown(_inside(path, name))
            fields[name](each, _inside(path, name))

    return shape


def by_type(shapes: Mapping[str, Shape]) -> Shape:
    """An object whose `type` names the shape that it has."""
    known = one_of(*shapes)

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, dict)
        if "type" not in value:
            raise missing(_inside(path, "type"))
        known(value["type"], _inside(path, "type"))
        shapes[value["type"]](value, path)

    return shape


def by_kind(shapes: Mapping[type, Shape]) -> Shape:
    """A value whose JSON type names the shape that it has."""

    def shape(value: Any, path: str) -> None:
        _has_kind(value, path, *shapes)
        shapes[type(value)](value, path)

    return shape
