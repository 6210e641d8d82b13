"""Lenient accessors, text that a database can hold, compact JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.reading import (
    clean_text,
    clean_text_at,
    encode,
    int_at,
    mapping_at,
    mappings_at,
    text_at,
)

NOT_OBJECTS = [None, "text", 5, [], [1], True]


def test_a_mapping_is_found_at_its_path() -> None:
    event = {"response": {"status_details": {"error": {"code": "x"}}}}
    assert mapping_at(event, "response", "status_details", "error") == {"code": "x"}
    assert mapping_at(event) is event


@pytest.mark.parametrize("value", NOT_OBJECTS)
def test_what_is_no_mapping_is_an_empty_one(value: Any) -> None:
    assert mapping_at(value) == {}
    assert mapping_at(value, "error") == {}
    assert mapping_at({"error": value}, "error") == {}
    assert mapping_at({"error": value}, "error", "code") == {}
    assert mapping_at({}, "error") == {}


def test_members_of_a_list_keep_their_index() -> None:
    event = {"output": [{"id": "a"}, None, "text", {"id": "b"}]}
    assert mappings_at(event, "output") == [{"id": "a"}, {}, {}, {"id": "b"}]


@pytest.mark.parametrize("value", [None, "text", 5, {"id": "a"}, ({"id": "a"},)])
def test_what_is_no_list_has_no_members(value: Any) -> None:
    assert mappings_at({"output": value}, "output") == []
    assert mappings_at({}, "output") == []


@pytest.mark.parametrize("value", [None, 5, [], {}, True, b"bytes"])
def test_only_a_string_is_text(value: Any) -> None:
    assert text_at({"id": value}, "id") is None
    assert clean_text_at({"id": value}, "id") == ""
    assert text_at({}, "id") is None


def test_a_string_is_returned_as_it_is_and_cleaned_on_request() -> None:
    assert text_at({"delta": "a\0\ud83d"}, "delta") == "a\0\ud83d"
    assert clean_text_at({"delta": "a\0\ud83d"}, "delta") == "a"
    assert text_at({"delta": ""}, "delta") == ""


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (7, 7), (-3, -3), (2**70, 2**70)])
def test_an_integer_is_returned_as_it_is(value: int, expected: int) -> None:
    assert int_at({"content_index": value}, "content_index") == expected


@pytest.mark.parametrize("value", [None, True, False, 1.0, "1", [1]])
def test_only_an_integer_is_an_integer(value: Any) -> None:
    assert int_at({"content_index": value}, "content_index") is None
    assert int_at({}, "content_index") is None


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("", ""),
        ("plain", "plain"),
        ("日本 😀", "日本 😀"),
        ("a\0b", "ab"),
        ("日\0本", "日本"),
        ("a\ud83db", "ab"),
        ("a\ude00b", "ab"),
        ("\ude00\ud83d", ""),
        ("\ud83d\ude00 ok", "😀 ok"),
        ("\ufeffmark", "\ufeffmark"),
    ],
)
def test_text_is_cleaned_of_what_a_database_refuses(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_what_is_dropped_can_be_marked_instead() -> None:
    assert clean_text("a\0b", mark="\ufffd") == "a\ufffdb"
    assert clean_text("\ude00a\ud83d 😀", mark="\ufffd") == "\ufffda\ufffd 😀"


@given(st.text(st.characters(exclude_categories=[]), max_size=20))
def test_clean_text_is_utf8_without_nul_and_cleaning_again_changes_nothing(text: str) -> None:
    clean = clean_text(text)
    clean.encode()
    assert "\0" not in clean
    assert clean_text(clean) == clean


def test_json_is_compact_and_ascii_unless_asked_otherwise() -> None:
    assert encode({"type": "t", "n": [1, 2]}) == '{"type":"t","n":[1,2]}'
    assert encode({"text": "日\ud83d"}) == '{"text":"\\u65e5\\ud83d"}'
    assert encode({"text": "日"}, ascii_only=False) == '{"text":"日"}'
    assert json.loads(encode({"text": "日\ud83d"})) == {"text": "日\ud83d"}
