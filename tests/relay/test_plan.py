"""The session configuration and the replayed past."""

import json
from dataclasses import replace

from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import TypeAdapter

from backend.protocol.transcript.turns import Role
from backend.relay.plan import PastItem, TurnDetection, replays_of, session_update_of
from tests.relay.equipment import PAST, SECRET_INSTRUCTIONS, plan

OFFICIAL: TypeAdapter[RealtimeClientEvent] = TypeAdapter(RealtimeClientEvent)


def test_the_session_configuration_is_complete() -> None:
    update = json.loads(session_update_of(plan()))
    OFFICIAL.validate_python(update)
    assert update["event_id"] == "relay_cfg"
    session = update["session"]
    assert session["type"] == "realtime"
    assert session["instructions"] == SECRET_INSTRUCTIONS
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": True,
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
    }
    assert session["audio"]["output"]["voice"] == "marin"
    assert "model" not in session


def test_semantic_detection_has_no_thresholds() -> None:
    semantic = replace(plan(), turn_detection=TurnDetection(type="semantic_vad"))
    update = json.loads(session_update_of(semantic))
    OFFICIAL.validate_python(update)
    assert update["session"]["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "create_response": True,
        "interrupt_response": True,
    }


def test_the_past_is_replayed_in_order_under_its_own_ids() -> None:
    replays = replays_of(plan(*PAST))
    events = [json.loads(replay.text) for replay in replays]
    for event in events:
        OFFICIAL.validate_python(event)
    assert [event["event_id"] for event in events] == ["relay_past_0", "relay_past_1"]
    assert [replay.item_id for replay in replays] == ["item_past_user", "item_past_reply"]
    assert [event["item"]["content"][0] for event in events] == [
        {"type": "input_text", "text": "My name is Aoi."},
        {"type": "output_text", "text": "Nice to meet you, Aoi."},
    ]


def test_an_id_that_the_provider_would_refuse_is_replaced() -> None:
    replays = replays_of(plan(PastItem("x" * 36, Role.USER, "Hello.")))
    assert replays[0].item_id == "relay_past_0"
    assert json.loads(replays[0].text)["item"]["id"] == "relay_past_0"


def test_tool_turns_are_left_out() -> None:
    replays = replays_of(plan(PastItem("t", Role.TOOL, "{}"), PAST[0]))
    assert [replay.item_id for replay in replays] == ["item_past_user"]
