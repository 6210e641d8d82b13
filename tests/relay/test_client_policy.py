"""What the page's policy lets pass, and what a policy cannot let pass."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.errors import BadFrame, ClientError, EventRefused
from backend.protocol.frames import parse_from_client
from backend.relay.client_policy import PAGE_POLICY, Listing, is_base64, judge, plain_append_bytes
from tests.relay.attacks import ATTACKS
from tests.relay.equipment import append, typed

MAX_BYTES = 512 * 1024

HONEST: list[dict[str, Any]] = [
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.append", "audio": "AAA=", "event_id": "e1"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear", "event_id": "e" * 64},
    json.loads(typed("こんにちは\n😀")),
    json.loads(typed("hi", item_id="item_A-1")),
    {
        "type": "conversation.item.truncate",
        "item_id": "item_A",
        "content_index": 0,
        "audio_end_ms": 1500,
    },
    {"type": "response.create"},
    {"type": "response.create", "response": {}},
    {"type": "response.create", "response": {"output_modalities": ["text"]}},
    {"type": "response.create", "response": {"output_modalities": ["audio"]}},
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "relay.ping", "event_id": "ping_1"},
]


def refusal(text: str | bytes) -> ClientError | None:
    try:
        judge(parse_from_client(text, MAX_BYTES), PAGE_POLICY)
    except ClientError as refused:
        return refused
    return None


@pytest.mark.parametrize("event", HONEST, ids=lambda event: str(event["type"]))
def test_the_events_of_an_honest_client_pass(event: dict[str, Any]) -> None:
    assert refusal(json.dumps(event)) is None


def test_every_allowed_type_has_an_example() -> None:
    assert {event["type"] for event in HONEST} == set(PAGE_POLICY.events)


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_no_attack_passes(text: str | bytes) -> None:
    assert isinstance(refusal(text), BadFrame | EventRefused)
    assert isinstance(text, bytes) or plain_append_bytes(text) == 0


def test_there_are_enough_attacks() -> None:
    assert len(set(ATTACKS)) >= 60


@pytest.mark.parametrize(
    ("event", "code", "where"),
    [
        ({"type": "session.update"}, "event_not_allowed", "session.update"),
        ({"type": "x" * 500}, "event_not_allowed", "x" * 64),
        (
            {"type": "response.create", "response": {"tools": []}},
            "field_not_allowed",
            "response.tools",
        ),
        (
            {"type": "response.create", "response": {"output_modalities": ["video"]}},
            "field_invalid",
            "response.output_modalities.0",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
            },
            "field_invalid",
            "item.content.0.text",
        ),
    ],
)
def test_a_refusal_has_a_code_and_a_path(event: dict[str, Any], code: str, where: str) -> None:
    refused = refusal(json.dumps({**event, "event_id": "mine"}))
    assert isinstance(refused, EventRefused)
    assert (refused.code, refused.where, refused.event_id) == (code, where, "mine")


def test_the_length_of_a_plain_append_is_read_without_a_parser() -> None:
    assert plain_append_bytes(append(ms=40)) == 1920
    assert plain_append_bytes('{"type":"input_audio_buffer.append","audio":"AAA="}') == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "item", "response", "audio", "role", "content", "text", "id"])
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def contains_only_known_fields(shape: Any, value: Any) -> bool:
    if isinstance(shape, Listing):
        return all(contains_only_known_fields(shape.each, each) for each in value)
    if isinstance(value, dict):
        known = {**shape.required, **shape.optional}
        return all(
            name in known and contains_only_known_fields(known[name], inner)
            for name, inner in value.items()
        )
    return not isinstance(value, list)


@given(
    st.sampled_from(sorted(PAGE_POLICY.events)),
    st.dictionaries(st.sampled_from(["item", "response"]), JSON),
)
def test_an_event_that_passes_has_only_known_fields(kind: str, fields: dict[str, Any]) -> None:
    event = {**fields, "type": kind}
    if refusal(json.dumps(event)) is None:
        assert contains_only_known_fields(PAGE_POLICY.events[kind], event)


@given(JSON | st.text() | st.binary())
def test_generated_frames_are_judged_and_never_raise_anything_else(value: Any) -> None:
    refusal(value if isinstance(value, str | bytes) else json.dumps(value))


@given(
    st.from_regex(r'\{"type": ?"input_audio_buffer.append", ?"audio": ?"[^\n]*"\}', fullmatch=True)
)
def test_a_plain_append_would_also_pass_the_parser(text: str) -> None:
    if plain_append_bytes(text):
        assert refusal(text) is None


@given(st.text(max_size=12) | st.from_regex(r"[A-Za-z0-9+/]{0,9}={0,3}", fullmatch=True))
def test_base64_is_what_the_pattern_says(text: str) -> None:
    matches = re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text) is not None
    assert is_base64(text) == (matches and len(text) % 4 == 0)
