"""The reply to a `POST /v1/responses`: what is accepted, memory, events, usage."""

import json
from itertools import count
from typing import Any, get_args, get_type_hints

import pytest
from openai._models import BaseModel
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from backend.simulator.engine import text_response
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.text_response import EVENT_TYPES, TextResponse, parse_request
from tests.simulator.equipment import EchoPersona, text_item

Event = dict[str, Any]
OFFICIAL: dict[str, type[BaseModel]] = {
    get_args(each.model_fields["type"].annotation)[0]: each
    for each in get_args(get_args(ResponseStreamEvent)[0])
}


def reply_to(*messages: Event, **params: Any) -> TextResponse:
    """The reply to this conversation."""
    ids = count(1)
    body = {"model": "gpt-5.6-luna", "input": list(messages), **params}
    return TextResponse(
        parse_request(body), EchoPersona(), lambda prefix: f"{prefix}_{next(ids)}", 1_000.0
    )


def assert_official(event: Event) -> None:
    """Assert that the official type validates the event and knows all its fields."""
    read = OFFICIAL[event["type"]].model_validate_json(json.dumps(event), strict=True)
    assert read.model_extra == {}


# ── The request ───────────────────────────────────────────────────────────────────────────────────


def test_every_official_parameter_is_accepted_and_no_other() -> None:
    assert text_response._PARAMETERS.keys() == get_type_hints(ResponseCreateParamsStreaming).keys()


@pytest.mark.parametrize(
    "content",
    ["Hello.", [{"type": "input_text", "text": "Hello."}]],
)
@pytest.mark.parametrize("type", [{}, {"type": "message"}])
def test_a_message_is_read_in_each_official_form(content: Any, type: Event) -> None:
    assert "'Hello.' after 0" in reply_to({"role": "user", "content": content, **type}).text


@pytest.mark.parametrize(
    "instructions", ["Write a title for this.", "次の会話に題名を付けてください。"]
)
def test_instructions_that_ask_for_a_title_get_one(instructions: str) -> None:
    quoted = {"role": "user", "content": "User: Do you have bread?\nAssistant: We do."}
    assert reply_to(quoted, instructions=instructions).text == "About 'Do you have bread?'"


def test_other_instructions_get_an_answer() -> None:
    answer = reply_to({"role": "user", "content": "Hi"}, instructions="Never write a title.").text
    assert answer.startswith("You said 'Hi'")


def test_the_input_may_be_one_text() -> None:
    request = parse_request({"model": "gpt-5.6-luna", "input": "Hello.", "stream": True})
    assert [(each.role, each.text) for each in request.messages] == [("user", "Hello.")]
    assert request.is_streamed


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"model": None}, "invalid_type", "model"),
        ({"model": "llama"}, "model_not_found", "model"),
        ({"input": ""}, "missing_required_parameter", "input"),
        ({"input": 7}, "invalid_type", "input"),
        ({"input": [7]}, "invalid_type", "input[0]"),
        ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
        ({"input": [{"role": "bot", "content": "x"}]}, "invalid_value", "input[0].role"),
        (
            {"input": [{"role": "user", "content": [{"type": "output_text", "text": "x"}]}]},
            "invalid_value",
            "input[0].content[0].type",
        ),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
            "invalid_value",
            "input[0].content[0].type",
        ),
        (
            {"input": [{"type": "item_reference", "id": "x", "role": "user", "content": ""}]},
            "invalid_value",
            "input[0].type",
        ),
        ({"instructions": 7}, "invalid_type", "instructions"),
        ({"max_output_tokens": 15}, "invalid_value", "max_output_tokens"),
        ({"safety_identifier": "x" * 65}, "invalid_value", "safety_identifier"),
        ({"background": True}, "invalid_value", "background"),
        ({"stream": "yes"}, "invalid_type", "stream"),
        ({"voice": "marin"}, "unknown_parameter", "voice"),
        (
            {"previous_response_id": "resp_1"},
            "previous_response_not_found",
            "previous_response_id",
        ),
        ({"conversation": "conv_1"}, "conversation_not_found", "conversation"),
    ],
)
def test_a_wrong_request_is_refused(changes: Event, code: str, param: str) -> None:
    with pytest.raises(ClientEventError) as caught:
        parse_request({"model": "gpt-5.6-luna", "input": "Hello.", **changes})
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(ClientEventError):
        parse_request(body)


def test_a_request_needs_a_model() -> None:
    with pytest.raises(ClientEventError) as caught:
        parse_request({"input": "Hello."})
    assert caught.value.param == "model"


# ── The reply ─────────────────────────────────────────────────────────────────────────────────────


def test_the_last_user_message_is_answered_with_the_replies_in_mind() -> None:
    reply = reply_to(
        text_item("Be short.", "developer"),
        text_item("One?"),
        text_item("First.", "assistant"),
        text_item("Two?"),
        text_item("Second.", "assistant"),
        text_item("Three?"),
    )
    assert reply.text == "You said 'Three?' after 2 answers."


def test_without_a_new_user_message_the_user_was_silent() -> None:
    assert reply_to(text_item("One?"), text_item("First.", "assistant")).text == (
        "You said '' after 1 answers."
    )
    assert reply_to(text_item("Be short.", "system")).text == "You said '' after 0 answers."


def test_the_events_are_official_numbered_and_complete() -> None:
    complete = list(reply_to(text_item("Hello."), metadata={"a": "b"}).events())
    cut = list(reply_to(text_item("word " * 40), max_output_tokens=16).events())
    assert {event["type"] for event in complete + cut} == EVENT_TYPES
    for events in (complete, cut):
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        for event in events:
            assert_official(event)
    (text,) = [each["text"] for each in complete if each["type"] == "response.output_text.done"]
    deltas = [each["delta"] for each in complete if each["type"] == "response.output_text.delta"]
    assert "".join(deltas) == text
    assert len(deltas) == 6


def test_the_whole_reply_is_official_and_repeats_the_parameters() -> None:
    whole = reply_to(text_item("Hello."), instructions="Be short.", user="u1").whole()
    read = Response.model_validate_json(json.dumps(whole), strict=True)
    assert read.model_extra == {}
    assert read.output_text == "You said 'Hello.' after 0 answers."
    assert (whole["instructions"], whole["user"]) == ("Be short.", "u1")


def test_a_reply_within_the_limit_of_tokens_is_complete_and_a_longer_one_is_cut() -> None:
    whole = reply_to(text_item("word " * 40), max_output_tokens=16).whole()
    assert (whole["status"], whole["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert 0 < whole["usage"]["output_tokens"] <= 16
    assert reply_to(text_item("Hi"), max_output_tokens=16).whole()["status"] == "completed"


def test_usage_counts_the_instructions_and_all_messages() -> None:
    usage = reply_to(text_item("x" * 8), instructions="y" * 40).whole()["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (12, 9)
    assert usage["total_tokens"] == 21
    assert usage["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}


def test_what_the_previous_response_read_is_cached_in_whole_blocks() -> None:
    history = [text_item("x" * 400), text_item("y" * 400, "assistant"), text_item("z" * 400)]
    usage = reply_to(*history, instructions="i" * 400).whole()["usage"]
    # 400 tokens in all are 6 blocks; the previous response read 200, which are 3.
    assert usage["input_tokens"] == 400
    assert usage["input_tokens_details"] == {"cached_tokens": 192, "cache_write_tokens": 192}
