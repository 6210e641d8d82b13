"""The session configuration and the replayed past."""

import json

from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import TypeAdapter

from backend.protocol.reading import encode
from backend.protocol.transcript.turns import Role
from backend.relay.plan import PastItem, replays_of, session_update_of
from tests.relay.equipment import PAST, SECRET_INSTRUCTIONS, plan

OFFICIAL: TypeAdapter[RealtimeClientEvent] = TypeAdapter(RealtimeClientEvent)


def test_the_session_is_configured_as_the_plan_says() -> None:
    update = json.loads(session_update_of(plan()))
    OFFICIAL.validate_python(update)
    assert (update["type"], update["event_id"]) == ("session.update", "relay_cfg")
    assert update["session"] == plan().session
    assert update["session"]["instructions"] == SECRET_INSTRUCTIONS


def test_the_past_is_replayed_in_order_under_its_own_ids() -> None:
    replays = replays_of(plan(*PAST).past)
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
    replays = replays_of(plan(PastItem("x" * 36, Role.USER, "Hello.")).past)
    assert replays[0].item_id == "relay_past_0"
    assert json.loads(replays[0].text)["item"]["id"] == "relay_past_0"


@given(st.text(), st.sampled_from([Role.USER, Role.ASSISTANT]))
def test_a_replay_is_the_compact_json_of_its_event(text: str, role: Role) -> None:
    (replay,) = replays_of([PastItem("item_1", role, text)])
    assert replay.text == encode(json.loads(replay.text))
    assert json.loads(replay.text)["item"] == {
        "id": "item_1",
        "type": "message",
        "role": role.value,
        "content": [{"type": {"user": "input_text"}.get(role, "output_text"), "text": text}],
    }


def test_tool_turns_are_left_out() -> None:
    replays = replays_of(plan(PastItem("t", Role.TOOL, "{}"), PAST[0]).past)
    assert [replay.item_id for replay in replays] == ["item_past_user"]
