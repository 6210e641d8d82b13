"""What the client may see of the provider's session echoes and errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import TypeAdapter

from backend.relay import redaction
from tests.relay.equipment import SECRET_INSTRUCTIONS, session

OFFICIAL: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)
KEYS = [
    "sk-proj-abcdefghijklmnop1234",
    "ek_abcdefghijklmnop1234",
    "Bearer abcdefghijklmnop",
    "openai-insecure-api-key.abcdefghijklmnop",
]


def test_a_session_is_reduced_to_an_allow_list_at_every_depth() -> None:
    echo = session(brand_new={"instructions": SECRET_INSTRUCTIONS})
    event = {"type": "session.updated", "event_id": "e", "session": echo}
    passed = json.loads(redaction.session_event_for_client(event))
    OFFICIAL.validate_python(passed)
    assert set(passed["session"]) == {
        "id",
        "object",
        "type",
        "model",
        "output_modalities",
        "audio",
    }
    assert passed["session"]["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert event["session"] is echo
    assert echo["instructions"] == SECRET_INSTRUCTIONS


@pytest.mark.parametrize("broken", [None, "text", [1], {"audio": None}, {"audio": {"input": []}}])
def test_a_malformed_session_does_not_raise(broken: Any) -> None:
    text = redaction.session_event_for_client({"type": "session.updated", "session": broken})
    assert json.loads(text)["type"] == "session.updated"


@pytest.mark.parametrize("key", KEYS)
def test_an_error_never_quotes_a_key(key: str) -> None:
    error = {"type": "invalid_request_error", "message": f"Incorrect: {key}.", "extra": key}
    text = redaction.error_event_for_client({"type": "error", "event_id": "e", "error": error})
    assert "abcdefghijklmnop" not in text
    OFFICIAL.validate_python(json.loads(text))


def test_an_empty_error_still_has_the_official_shape() -> None:
    for event in ({}, {"error": "text"}, {"error": {"message": 5, "code": []}, "event_id": 3}):
        OFFICIAL.validate_python(json.loads(redaction.error_event_for_client(event)))


def test_a_long_message_is_cut() -> None:
    text = redaction.error_event_for_client({"error": {"message": "x" * 10_000}})
    assert len(json.loads(text)["error"]["message"]) == redaction.LONGEST_MESSAGE


def test_a_failure_is_masked_at_its_path_and_nowhere_else() -> None:
    event = {"type": "t", "a": {"b": {"message": f"for {KEYS[0]}", "code": "c"}}, "x": 1}
    passed = json.loads(redaction.failure_for_client(event, "a", "b"))
    assert "abcdefghijklmnop" not in passed["a"]["b"]["message"]
    assert (passed["a"]["b"]["code"], passed["x"]) == ("c", 1)
    assert KEYS[0] in event["a"]["b"]["message"]  # type: ignore[index]


@given(st.text(), st.sampled_from(KEYS))
def test_a_rewritten_message_is_always_json(around: str, key: str) -> None:
    error = {"message": f'{around}"{key}"{around}'}
    json.loads(redaction.error_event_for_client({"error": error})).get("error")
