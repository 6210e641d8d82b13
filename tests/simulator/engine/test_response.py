"""A response: its parameters, its input, its status details."""

from itertools import count

import pytest

from backend.simulator.engine.conversation import Conversation, Item, Part
from backend.simulator.engine.engine import EngineOptions
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.response import (
    RESPONSE_ERRORS,
    Response,
    new_response,
    status_details,
)
from backend.simulator.engine.session_config import new_session
from tests.simulator.equipment import EngineBench, Event, text_item, types


def response_with(params: Event) -> Response:
    numbers = count(1)
    conversation = Conversation()
    conversation.insert(Item("i1", "user", [Part("input_text", "x" * 400)]), None)
    session = new_session("sess_1", "gpt-realtime", 0)
    return new_response(params, session, conversation, lambda prefix: f"{prefix}_{next(numbers)}")


def test_what_is_not_response_with_is_as_the_session_has_it() -> None:
    response = response_with({})
    assert (response.is_spoken, response.voice, response.max_output_tokens) == (
        True,
        "marin",
        "inf",
    )
    assert response.is_in_conversation
    assert response.input_items is None


def test_what_is_response_with_holds_for_this_response() -> None:
    response = response_with(
        {
            "output_modalities": ["text"],
            "audio": {"output": {"voice": "ash"}},
            "max_output_tokens": 50,
            "conversation": "none",
            "metadata": {"a": "b"},
        }
    )
    event = response.as_event("conv_1", "in_progress")
    assert event["output_modalities"] == ["text"]
    assert event["audio"]["output"]["voice"] == "ash"
    assert event["max_output_tokens"] == 50
    assert event["conversation_id"] is None
    assert event["metadata"] == {"a": "b"}


def test_its_own_input_is_read_in_place_of_the_conversation() -> None:
    response = response_with({"input": [text_item("Hm?"), text_item("Be kind.", "system")]})
    assert response.input_items is not None
    assert [item.parts[0].text for item in response.input_items] == ["Hm?", "Be kind."]
    assert response_with({}).input_tokens.text - response.input_tokens.text == 100 - 3
    with pytest.raises(ClientEventError):
        response_with({"input": [{"type": "nonsense"}]})


def test_its_input_may_name_an_item_of_the_conversation() -> None:
    response = response_with({"input": [{"type": "item_reference", "id": "i1"}]})
    assert response.input_items is not None
    assert [item.id for item in response.input_items] == ["i1"]
    assert response.input_tokens == response_with({}).input_tokens
    for reference, param in (({"id": "i2"}, "id"), ({}, "id"), ({"id": "i1", "name": 1}, "name")):
        with pytest.raises(ClientEventError) as refused:
            response_with({"input": [{"type": "item_reference", **reference}]})
        assert refused.value.param == f"response.input[0].{param}"


@pytest.mark.parametrize("error_code", RESPONSE_ERRORS)
def test_a_failed_response_has_an_error_code_and_a_message(error_code: str) -> None:
    details = status_details("failed", None, error_code)
    assert details is not None
    assert details["error"]["code"] == error_code
    assert details["error"]["message"].endswith(".")


def test_a_completed_response_has_no_details_and_a_cancelled_one_a_reason() -> None:
    assert status_details("completed", None, None) is None
    cancelled = {"type": "cancelled", "reason": "turn_detected"}
    assert status_details("cancelled", "turn_detected", None) == cancelled


def test_an_out_of_band_response_runs_beside_the_active_one_and_adds_no_item() -> None:
    bench = EngineBench(EngineOptions(pace=1))
    bench.send("response.create")
    aside = {"conversation": "none", "output_modalities": ["text"], "metadata": {"for": "title"}}
    question = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hm?"}],
    }
    bench.send("response.create", response={**aside, "input": [question]})
    found = [each for each in [*bench.events, *bench.wait(5)] if each["type"] == "response.done"]
    (side,) = [each["response"] for each in found if each["response"]["conversation_id"] is None]
    assert side["metadata"] == {"for": "title"}
    assert "Hm?" in side["output"][0]["content"][0]["text"]
    assert types(bench.events).count("conversation.item.added") == 1
