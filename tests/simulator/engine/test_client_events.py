"""The client events that are accepted."""

from typing import Any

import pytest

from backend.simulator.engine.client_events import EVENT_FIELDS, response_params, validated_event
from backend.simulator.engine.errors import ClientEventError

ITEM = {"item_id": "i1"}
WHOLE: dict[str, dict[str, Any]] = {
    "session.update": {"session": {}},
    "input_audio_buffer.append": {"audio": ""},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": {}, "previous_item_id": None},
    "conversation.item.retrieve": ITEM,
    "conversation.item.delete": ITEM,
    "conversation.item.truncate": {**ITEM, "content_index": 0, "audio_end_ms": 0},
    "response.create": {"response": {}},
    "response.cancel": {"response_id": "r1"},
    "output_audio_buffer.clear": {},
}


@pytest.mark.parametrize("type", EVENT_FIELDS)
def test_an_event_with_all_its_fields_is_valid(type: str) -> None:
    event = {"type": type, "event_id": "e1", **WHOLE[type]}
    assert event.keys() == {"type", "event_id", *EVENT_FIELDS[type]}
    assert validated_event(event) is event


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ([], "invalid_event", "type"),
        ({"type": 3}, "invalid_event", "type"),
        ({"type": "conversation.item.created"}, "invalid_value", "type"),
        ({"type": "response.create", "stream": True}, "unknown_parameter", "stream"),
        ({"type": "response.create", "event_id": 5}, "invalid_type", "event_id"),
        ({"type": "response.cancel", "response_id": 5}, "invalid_type", "response_id"),
        (
            {"type": "conversation.item.create", "item": {}, "previous_item_id": []},
            "invalid_type",
            "previous_item_id",
        ),
        (
            {"type": "conversation.item.truncate", **ITEM, "content_index": 0},
            "missing_required_parameter",
            "audio_end_ms",
        ),
        (
            {"type": "conversation.item.truncate", **WHOLE["conversation.item.truncate"]}
            | {"audio_end_ms": 1.5},
            "invalid_type",
            "audio_end_ms",
        ),
    ],
)
def test_an_invalid_event_is_refused(event: Any, code: str, param: str) -> None:
    with pytest.raises(ClientEventError) as caught:
        validated_event(event)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_the_error_for_an_unknown_type_lists_the_known_types() -> None:
    with pytest.raises(ClientEventError) as caught:
        validated_event({"type": "nonsense"})
    assert all(f"'{type}'" in caught.value.message for type in EVENT_FIELDS)


@pytest.mark.parametrize("event", [{}, {"response": None}, {"response": {}}])
def test_response_parameters_are_optional(event: Any) -> None:
    assert response_params(event) == {}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        (1, "invalid_type", "response"),
        ({"a": 1}, "unknown_parameter", "response.a"),
        (
            {"output_modalities": ["audio", "text"]},
            "invalid_value",
            "response.output_modalities",
        ),
        ({"audio": {"input": {}}}, "unknown_parameter", "response.audio.input"),
        (
            {"audio": {"output": {"voice": "nobody"}}},
            "invalid_value",
            "response.audio.output.voice",
        ),
        ({"input": "x"}, "invalid_type", "response.input"),
    ],
)
def test_invalid_response_parameters_are_refused(params: Any, code: str, param: str) -> None:
    with pytest.raises(ClientEventError) as caught:
        response_params({"type": "response.create", "response": params})
    assert (caught.value.code, caught.value.param) == (code, param)
