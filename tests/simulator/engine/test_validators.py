"""Validators, and the error of each fault."""

from typing import Any

import pytest

from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.validators import (
    MAX_DEPTH,
    Validator,
    any_object,
    boolean,
    by_json_type,
    by_type_field,
    integer,
    list_of,
    map_of,
    nullable,
    number,
    object_of,
    one_of,
    string,
    string_of_length,
)


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels > 1 else {}


PERSON = object_of({"name": string, "age": integer(0)}, required=("name",))
SHAPE_OF = by_type_field(
    {"circle": object_of({"type": string, "radius": number(0, 9)}), "dot": any_object}
)


@pytest.mark.parametrize(
    ("validator", "value"),
    [
        (string, ""),
        (boolean, False),
        (any_object, {"a": [{"b": None}]}),
        (any_object, nested(MAX_DEPTH)),
        (string_of_length(1, 3), "abc"),
        (integer(0), 10**30),
        (integer(-1, 1), -1),
        (number(0, 1), 0),
        (number(0, 1), 0.5),
        (one_of("a", "b"), "b"),
        (one_of(["a"], ["b"]), ["b"]),
        (nullable(string), None),
        (list_of(string), []),
        (map_of(string, max_pairs=1, max_name_length=1), {"a": "b"}),
        (PERSON, {"name": "x"}),
        (SHAPE_OF, {"type": "circle", "radius": 1}),
        (by_json_type({str: one_of("inf"), int: integer(1, 9)}), "inf"),
    ],
)
def test_a_valid_value_passes(validator: Validator, value: object) -> None:
    validator(value, "it")


@pytest.mark.parametrize(
    ("validator", "value", "code", "param"),
    [
        (string, None, "invalid_type", "it"),
        (boolean, 1, "invalid_type", "it"),
        (any_object, [], "invalid_type", "it"),
        (any_object, nested(MAX_DEPTH + 1), "invalid_value", "it"),
        (string_of_length(1, 3), "", "invalid_value", "it"),
        (string_of_length(1, 3), "abcd", "invalid_value", "it"),
        (integer(0), True, "invalid_type", "it"),
        (integer(0), 1.0, "invalid_type", "it"),
        (integer(0), -1, "invalid_value", "it"),
        (integer(0, 9), 10, "invalid_value", "it"),
        (number(0, 1), "1", "invalid_type", "it"),
        (number(0, 1), float("nan"), "invalid_value", "it"),
        (one_of(24_000), 24_000.0, "invalid_type", "it"),
        (one_of("a", "b"), "c", "invalid_value", "it"),
        (nullable(string), 1, "invalid_type", "it"),
        (list_of(string), ["a", 1], "invalid_type", "it[1]"),
        (map_of(string), {"a": 1}, "invalid_type", "it.a"),
        (map_of(string, max_pairs=1), {"a": "", "b": ""}, "invalid_value", "it"),
        (map_of(string, max_name_length=1), {"ab": ""}, "invalid_value", "it"),
        (PERSON, {"age": 1}, "missing_required_parameter", "it.name"),
        (PERSON, {"name": "x", "hat": 1}, "unknown_parameter", "it.hat"),
        (SHAPE_OF, {"radius": 1}, "missing_required_parameter", "it.type"),
        (SHAPE_OF, {"type": ["circle"]}, "invalid_type", "it.type"),
        (SHAPE_OF, {"type": "square"}, "invalid_value", "it.type"),
        (SHAPE_OF, {"type": "circle", "radius": 10}, "invalid_value", "it.radius"),
        (by_json_type({str: one_of("inf"), int: integer(1, 9)}), 2.0, "invalid_type", "it"),
        (by_json_type({str: one_of("inf"), int: integer(1, 9)}), "9", "invalid_value", "it"),
        (string, object(), "invalid_type", "it"),
    ],
)
def test_an_invalid_value_is_refused_with_its_path(
    validator: Validator, value: object, code: str, param: str
) -> None:
    with pytest.raises(ClientEventError) as caught:
        validator(value, "it")
    assert (caught.value.code, caught.value.param) == (code, param)


def test_the_messages_are_the_providers() -> None:
    with pytest.raises(ClientEventError) as caught:
        integer(0)(1.5, "audio_end_ms")
    # As seen in openai-agents-js#315.
    assert caught.value.message == (
        "Invalid type for 'audio_end_ms': expected an integer, but got a decimal number instead."
    )
    with pytest.raises(ClientEventError) as caught:
        by_json_type({str: string, int: integer(0)})(None, "it")
    assert "expected a string or an integer, but got null instead" in caught.value.message


def test_a_field_of_the_outermost_object_is_named_without_a_path() -> None:
    with pytest.raises(ClientEventError) as caught:
        PERSON({"name": "x", "age": -1}, "")
    assert caught.value.param == "age"
