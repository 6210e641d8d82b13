"""One response."""

from itertools import count

import pytest

from backend.simulator.engine.conversation import Conversation, Item, Part
from backend.simulator.engine.engine import EngineOptions
from backend.simulator.engine.errors import Refused
from backend.simulator.engine.response import FAILURES, Reply, reply_to, status_details
from backend.simulator.engine.session_config import new_session
from tests.simulator.equipment import Bench, Event, text_item, types


def asked_for(params: Event) -> Reply:
    numbers = count(1)
    conversation = Conversation()
    conversation.put(Item("i1", "user", [Part("input_text", "x" * 400)]), None)
    session = new_session("sess_1", "gpt-realtime", 0)
    return reply_to(params, session, conversation, lambda prefix: f"{prefix}_{next(numbers)}")


def test_what_is_not_asked_for_is_as_the_session_has_it() -> None:
    reply = asked_for({})
    assert (reply.is_spoken, reply.voice, reply.max_output_tokens) == (True, "marin", "inf")
    assert reply.is_in_conversation
    assert reply.input_items is None


def test_what_is_asked_for_holds_for_this_response() -> None:
    reply = asked_for(
        {
            "output_modalities": ["text"],
            "audio": {"output": {"voice": "ash"}},
            "max_output_tokens": 50,
            "conversation": "none",
            "metadata": {"a": "b"},
        }
    )
    event = reply.as_event("conv_1", "in_progress")
    assert event["output_modalities"] == ["text"]
    assert event["audio"]["output"]["voice"] == "ash"
    assert event["max_output_tokens"] == 50
    assert event["conversation_id"] is None
    assert event["metadata"] == {"a": "b"}


def test_its_own_input_is_read_in_place_of_the_conversation() -> None:
    reply = asked_for({"input": [text_item("Hm?"), text_item("Be kind.", "system")]})
    assert reply.input_items is not None
    assert [item.parts[0].text for item in reply.input_items] == ["Hm?", "Be kind."]
    assert asked_for({}).context.text - reply.context.text == 100 - 3
    with pytest.raises(Refused):
        asked_for({"input": [{"type": "nonsense"}]})


def test_its_input_may_name_an_item_of_the_conversation() -> None:
    reply = asked_for({"input": [{"type": "item_reference", "id": "i1"}]})
    assert reply.input_items is not None
    assert [item.id for item in reply.input_items] == ["i1"]
    assert reply.context == asked_for({}).context
    for reference, param in (({"id": "i2"}, "id"), ({}, "id"), ({"id": "i1", "name": 1}, "name")):
        with pytest.raises(Refused) as refused:
            asked_for({"input": [{"type": "item_reference", **reference}]})
        assert refused.value.param == f"response.input[0].{param}"


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_told_with_its_code_and_a_sentence(failure: str) -> None:
    details = status_details("failed", None, failure)
    assert details is not None
    assert details["error"]["code"] == failure
    assert details["error"]["message"].endswith(".")


def test_a_complete_response_needs_no_details_and_a_cancelled_one_has_a_reason() -> None:
    assert status_details("completed", None, None) is None
    cancelled = {"type": "cancelled", "reason": "turn_detected"}
    assert status_details("cancelled", "turn_detected", None) == cancelled


def test_a_response_outside_the_conversation_may_run_beside_it_and_leaves_no_item() -> None:
    bench = Bench(EngineOptions(pace=1))
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
