"""Shapes, and what is said of a value that has none."""

from typing import Any

import pytest

from backend.simulator.engine.errors import Refused
from backend.simulator.engine.validators import (
    MOST_LEVELS,
    Shape,
    by_kind,
    by_type,
    flag,
    free,
    list_of,
    map_of,
    number,
    one_of,
    or_null,
    record,
    short_text,
    text,
    whole,
)


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


PERSON = record({"name": text, "age": whole(0)}, needs=("name",))
SHAPE_OF = by_type({"circle": record({"type": text, "radius": number(0, 9)}), "dot": free})


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (text, ""),
        (flag, False),
        (free, {"a": [{"b": None}]}),
        (free, nested(MOST_LEVELS)),
        (short_text(1, 3), "abc"),
        (whole(0), 10**30),
        (whole(-1, 1), -1),
        (number(0, 1), 0),
        (number(0, 1), 0.5),
        (one_of("a", "b"), "b"),
        (one_of(["a"], ["b"]), ["b"]),
        (or_null(text), None),
        (list_of(text), []),
        (map_of(text, most_pairs=1, most_name=1), {"a": "b"}),
        (PERSON, {"name": "x"}),
        (SHAPE_OF, {"type": "circle", "radius": 1}),
        (by_kind({str: one_of("inf"), int: whole(1, 9)}), "inf"),
    ],
)
def test_a_value_that_has_the_shape_passes(shape: Shape, value: object) -> None:
    shape(value, "it")


@pytest.mark.parametrize(
    ("shape", "value", "code", "param"),
    [
        (text, None, "invalid_type", "it"),
        (flag, 1, "invalid_type", "it"),
        (free, [], "invalid_type", "it"),
        (free, nested(MOST_LEVELS + 1), "invalid_value", "it"),
        (short_text(1, 3), "", "invalid_value", "it"),
        (short_text(1, 3), "abcd", "invalid_value", "it"),
        (whole(0), True, "invalid_type", "it"),
        (whole(0), 1.0, "invalid_type", "it"),
        (whole(0), -1, "invalid_value", "it"),
        (whole(0, 9), 10, "invalid_value", "it"),
        (number(0, 1), "1", "invalid_type", "it"),
        (number(0, 1), float("nan"), "invalid_value", "it"),
        (one_of(24_000), 24_000.0, "invalid_type", "it"),
        (one_of("a", "b"), "c", "invalid_value", "it"),
        (or_null(text), 1, "invalid_type", "it"),
        (list_of(text), ["a", 1], "invalid_type", "it[1]"),
        (map_of(text), {"a": 1}, "invalid_type", "it.a"),
        (map_of(text, most_pairs=1), {"a": "", "b": ""}, "invalid_value", "it"),
        (map_of(text, most_name=1), {"ab": ""}, "invalid_value", "it"),
        (PERSON, {"age": 1}, "missing_required_parameter", "it.name"),
        (PERSON, {"name": "x", "hat": 1}, "unknown_parameter", "it.hat"),
        (SHAPE_OF, {"radius": 1}, "missing_required_parameter", "it.type"),
        (SHAPE_OF, {"type": ["circle"]}, "invalid_type", "it.type"),
        (SHAPE_OF, {"type": "square"}, "invalid_value", "it.type"),
        (SHAPE_OF, {"type": "circle", "radius": 10}, "invalid_value", "it.radius"),
        (by_kind({str: one_of("inf"), int: whole(1, 9)}), 2.0, "invalid_type", "it"),
        (by_kind({str: one_of("inf"), int: whole(1, 9)}), "9", "invalid_value", "it"),
        (text, object(), "invalid_type", "it"),
    ],
)
def test_a_value_that_has_not_is_refused_at_its_place(
    shape: Shape, value: object, code: str, param: str
) -> None:
    with pytest.raises(Refused) as caught:
        shape(value, "it")
    assert (caught.value.code, caught.value.param) == (code, param)


def test_the_words_are_the_providers() -> None:
    with pytest.raises(Refused) as caught:
        whole(0)(1.5, "audio_end_ms")
    # As seen in openai-agents-js#315.
    assert caught.value.message == (
        "Invalid type for 'audio_end_ms': expected an integer, but got a decimal number instead."
    )
    with pytest.raises(Refused) as caught:
        by_kind({str: text, int: whole(0)})(None, "it")
    assert "expected a string or an integer, but got null instead" in caught.value.message


def test_a_field_of_the_outermost_object_is_named_without_a_path() -> None:
    with pytest.raises(Refused) as caught:
        PERSON({"name": "x", "age": -1}, "")
    assert caught.value.param == "age"
