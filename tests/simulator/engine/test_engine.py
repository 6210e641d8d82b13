"""The engine, driven by events and a simulated clock."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.simulator.engine.client_events import EVENT_FIELDS
from backend.simulator.engine.engine import HANDLERS, EngineOptions
from tests.simulator.equipment import (
    ANSWER_ENDS,
    TRANSCRIBING,
    EngineBench,
    error_of,
    only,
    silence,
    speech,
    types,
)

SPOKEN_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "rate_limits.updated",
]
ANSWER_OPENS = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
DELTAS = ("response.output_audio.delta", "response.output_audio_transcript.delta")


def without_deltas(found: list[str]) -> list[str]:
    return [each for each in found if each not in DELTAS]


# ── The session ───────────────────────────────────────────────────────────────────────────────────


def test_it_opens_with_its_default_configuration() -> None:
    bench = EngineBench(EngineOptions(cap_s=3600))
    session = only(bench.events, "session.created")["session"]
    assert types(bench.events) == ["session.created"]
    assert session["expires_at"] == 1_000 + 3600
    assert session["model"] == "gpt-realtime"
    assert session["instructions"]
    assert session["audio"]["input"]["transcription"] is None


def test_an_update_without_the_session_type_is_refused_and_changes_nothing() -> None:
    bench = EngineBench()
    found = bench.send("session.update", event_id="cfg", session={"instructions": "Be brief."})
    assert error_of(found) == {
        "type": "invalid_request_error",
        "code": "missing_required_parameter",
        "message": "Missing required parameter: 'session.type'.",
        "param": "session.type",
        "event_id": "cfg",
    }
    assert "Be brief." not in only(bench.configure({}), "session.updated")["session"].values()


def test_a_change_of_voice_after_assistant_audio_refuses_the_whole_update() -> None:
    bench = EngineBench()
    bench.configure({"audio": {"output": {"voice": "cedar"}}})
    bench.send("response.create")
    found = bench.configure({"instructions": "New.", "audio": {"output": {"voice": "ash"}}})
    assert error_of(found)["code"] == "cannot_update_voice"
    session = only(bench.configure({}), "session.updated")["session"]
    assert session["instructions"] != "New."
    assert session["audio"]["output"]["voice"] == "cedar"


def test_a_text_response_does_not_lock_the_voice() -> None:
    bench = EngineBench()
    bench.configure({"output_modalities": ["text"]})
    bench.send("response.create")
    assert types(bench.configure({"audio": {"output": {"voice": "ash"}}})) == ["session.updated"]


def test_it_ends_at_its_cap_with_an_error_and_a_close() -> None:
    bench = EngineBench(EngineOptions(cap_s=120))
    assert bench.wait(119.9) == []
    error = error_of(bench.wait(0.2))
    assert error["code"] == "session_expired"
    assert bench.closed is not None
    assert (bench.closed.code, bench.closed.reason) == (1001, error["message"])
    assert error["message"] == "Your session hit the maximum duration of 2 minutes."
    assert bench.send("response.create") == []
    assert bench.engine.wakes_at is None


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        (None, "invalid_event", "type"),
        ({"type": "response.create", "response": 1}, "invalid_type", "response"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "%%"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAA=AAAA"}, "invalid_value", "audio"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
        ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
    ],
)
def test_an_invalid_event_gets_an_error_and_the_session_continues(
    event: Any, code: str, param: str
) -> None:
    bench = EngineBench()
    error = error_of(bench.send_raw(event))
    assert (error["code"], error["param"]) == (code, param)
    assert types(bench.configure({})) == ["session.updated"]


def test_every_client_event_has_a_handler() -> None:
    assert set(HANDLERS) == set(EVENT_FIELDS)


WORDS = (
    "type role content text audio id item input output voice format transcription turn_detection "
    "noise_reduction model instructions speed conversation metadata input_audio output_audio "
    "message user assistant realtime server_vad threshold silence_duration_ms language"
)
NAMES = st.sampled_from(WORDS.split())
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
def test_arbitrary_json_never_raises(data: st.DataObject) -> None:
    bench = EngineBench()
    for type in data.draw(st.lists(st.sampled_from(sorted(EVENT_FIELDS)), min_size=1, max_size=4)):
        fields = {name: data.draw(NONSENSE) for name in EVENT_FIELDS[type]}
        if type == "session.update" and isinstance(fields["session"], dict):
            fields["session"]["type"] = "realtime"
        bench.send(type, **fields)
    bench.send("response.create")
    bench.wait(5)
    assert types(bench.configure({})) == ["session.updated"]


# ── Speech ────────────────────────────────────────────────────────────────────────────────────────


def test_a_spoken_turn_and_its_response_have_the_events_in_the_protocols_order() -> None:
    bench = EngineBench()
    bench.configure(TRANSCRIBING)
    found = bench.play(silence(600) + speech(1_200) + silence(800))
    transcript = "conversation.item.input_audio_transcription"
    assert without_deltas(types(found)) == [
        *SPOKEN_TURN,
        f"{transcript}.delta",
        f"{transcript}.completed",
        *ANSWER_OPENS,
        *ANSWER_ENDS,
    ]
    user = found[0]["item_id"]
    assert {event["item_id"] for event in found[:3]} == {user}
    assert found[3]["item"]["id"] == user
    answer = only(found[7:], "conversation.item.added")
    assert answer["previous_item_id"] == user
    assert found[2]["previous_item_id"] is None


def test_create_response_false_only_commits() -> None:
    bench = EngineBench()
    bench.configure(
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}}
    )
    assert "response.created" not in types(bench.play(speech(800) + silence(800)))


def test_the_idle_timeout_starts_a_response() -> None:
    bench = EngineBench()
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    bench.configure({"audio": {"input": {"turn_detection": detection}}})
    bench.send("response.create")
    assert bench.wait(5.9) == []
    found = bench.wait(0.2)
    assert types(found)[:5] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


# ── Responses ─────────────────────────────────────────────────────────────────────────────────────


def test_a_second_response_is_refused_while_one_is_active() -> None:
    bench = EngineBench(EngineOptions(pace=1))
    bench.send("response.create")
    error = error_of(bench.send("response.create", event_id="r2"))
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "r2"
    assert types(bench.wait(2)).count("response.done") == 1


def test_cancelling_without_a_response_is_an_error() -> None:
    assert error_of(EngineBench().send("response.cancel"))["code"] == "response_cancel_not_active"


def test_a_response_can_be_cancelled_by_its_id() -> None:
    bench = EngineBench(EngineOptions(pace=1))
    made = only(bench.send("response.create"), "response.created")["response"]
    assert "error" in types(bench.send("response.cancel", response_id="resp_other"))
    assert "response.done" in types(bench.send("response.cancel", response_id=made["id"]))


def test_speech_interrupts_the_response() -> None:
    bench = EngineBench(EngineOptions(pace=1))
    bench.line_ms = 8_000
    bench.send("response.create")
    bench.wait(1)
    found = types(bench.play(speech(400)))
    assert found.index("input_audio_buffer.speech_started") < found.index("response.done")
    done = only(bench.events, "response.done")["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert "response.created" in types(bench.play(speech(400) + silence(800)))


def test_speech_interrupts_a_response_before_its_first_audio() -> None:
    bench = EngineBench()
    bench.holds_synthesis = True
    bench.send("response.create")
    bench.play(speech(400))
    done = only(bench.events, "response.done")["response"]
    assert (done["status"], done["output"]) == ("cancelled", [])
    assert bench.release() == []


def test_with_interrupt_response_off_the_next_response_follows_the_current_one() -> None:
    bench = EngineBench(EngineOptions(pace=1, late_every=0))
    bench.line_ms = 6_000
    detection = {"type": "server_vad", "interrupt_response": False}
    bench.configure({"audio": {"input": {"turn_detection": detection}}})
    bench.send("response.create")
    bench.play(speech(800) + silence(800))
    assert types(bench.events).count("response.created") == 1
    bench.wait(20)
    states = [
        each["response"]["status"] for each in bench.events if each["type"] == "response.done"
    ]
    assert states == ["completed", "completed"]


def test_failed_synthesis_fails_only_the_response() -> None:
    bench = EngineBench()
    bench.line_ms = None
    response = only(bench.send("response.create"), "response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "speech_synthesis_failed"
    bench.line_ms = 500
    assert only(bench.send("response.create"), "response.done")["response"]["status"] == "completed"


def test_rate_limits_are_sent_at_the_start_of_a_response() -> None:
    bench = EngineBench(EngineOptions(pace=1))
    assert types(bench.send("response.create"))[:2] == ["response.created", "rate_limits.updated"]
    assert "rate_limits.updated" not in types(bench.wait(5))


def test_the_fault_rate_limit_fails_one_response() -> None:
    bench = EngineBench()
    bench.engine.injected_faults.rate_limited_responses = 1
    response = only(bench.send("response.create"), "response.done")["response"]
    assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert only(bench.send("response.create"), "response.done")["response"]["status"] == "completed"


def test_the_fault_refuse_update_refuses_one_update() -> None:
    bench = EngineBench()
    bench.engine.injected_faults.refused_updates = 1
    assert "error" in types(bench.configure({}))
    assert "session.updated" in types(bench.configure({}))


def test_the_fault_no_answer_begins_no_response() -> None:
    bench = EngineBench()
    bench.engine.injected_faults.unanswered_turns = 1
    assert bench.send("response.create") == []
    assert only(bench.send("response.create"), "response.done")["response"]["status"] == "completed"
