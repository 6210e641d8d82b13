"""Every event that the simulator can emit, against the official SDK's types."""

import json
from typing import Any, get_args

import pytest
from openai._models import BaseModel
from openai.types.realtime import RealtimeServerEvent

from backend.simulator.engine import EMITTED, EngineOptions
from backend.simulator.mishaps import Kind, Mishap, Transmit, acts_of
from tests.simulator.equipment import MANUAL, TRANSCRIBING, Bench, append, silence, speech

Event = dict[str, Any]


def official_classes() -> dict[str, type[BaseModel]]:
    """The official class of each event type."""
    classes = get_args(get_args(RealtimeServerEvent)[0])
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in classes}


def everything() -> list[Event]:
    """A few calls in which every kind of event happens."""
    talk = Bench(EngineOptions(pace=2, late_every=2))
    talk.configure(TRANSCRIBING)
    turn = silence(600) + speech(900) + silence(800)
    talk.play(turn)
    talk.wait(3)
    talk.will_hear = None
    talk.play(turn)
    talk.play(speech(600))
    talk.play(silence(800))
    talk.wait(3)
    item = next(each for each in talk.events if each["type"] == "response.output_item.done")["item"]
    talk.send("conversation.item.retrieve", item_id=item["id"])
    cut = {"item_id": item["id"], "content_index": 0, "audio_end_ms": 10}
    talk.send("conversation.item.truncate", **cut)
    talk.send("conversation.item.retrieve", item_id=item["id"])
    talk.send("conversation.item.delete", item_id=item["id"])
    talk.send("response.create", response={"output_modalities": ["text"], "metadata": {"a": "b"}})
    talk.send("response.cancel")
    talk.engine.troubles.rate_limited_responses = 1
    talk.send("response.create", response={"conversation": "none", "input": []})

    manual = Bench(EngineOptions(pace=0, cap_s=600))
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    manual.configure({"audio": {"input": {"turn_detection": detection}}})
    manual.send("response.create")
    manual.wait(10)
    manual.configure({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    manual.configure({"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}, MANUAL)
    manual.hear_of(append(silence(300)))
    manual.send("input_audio_buffer.commit")
    manual.send("input_audio_buffer.clear")
    for role, kind in (
        ("user", "input_text"),
        ("assistant", "output_text"),
        ("system", "input_text"),
    ):
        content = [{"type": kind, "text": "Hello."}]
        made = {"type": "message", "role": role, "content": content}
        manual.send("conversation.item.create", item=made)
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    manual.send("conversation.item.create", item=call)
    output = {"type": "function_call_output", "call_id": "c1", "output": "{}"}
    manual.send("conversation.item.create", item=output)
    manual.send("nonsense", event_id="e1")
    manual.wait(700)
    return talk.events + manual.events


EVERYTHING = everything()


def test_every_kind_of_event_was_exercised_and_no_other_is_emitted() -> None:
    assert {event["type"] for event in EVERYTHING} == EMITTED


@pytest.mark.parametrize("type", sorted(EMITTED))
def test_the_official_types_accept_every_event(type: str) -> None:
    official = official_classes()[type]
    for event in EVERYTHING:
        if event["type"] == type:
            read = official.model_validate_json(json.dumps(event), strict=True)
            assert read.model_extra == {}


def test_the_refusal_of_a_key_is_an_official_error_too() -> None:
    (message,) = [
        act.message for act in acts_of(Mishap(Kind.INVALID_KEY)) if isinstance(act, Transmit)
    ]
    read = official_classes()["error"].model_validate_json(message, strict=True)
    assert read.model_extra == {}
