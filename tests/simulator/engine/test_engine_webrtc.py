"""The engine of a WebRTC call: output audio that is played in real time, and interruptions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.simulator.engine.engine import EngineOptions
from tests.simulator.equipment import EngineBench, error_of, only, silence, speech, types

INSTANT = EngineOptions(pace=0, late_every=0, is_webrtc=True)
"""The whole answer is generated at once, so that its playback outlasts the response."""
STEADY = EngineOptions(pace=2, late_every=0, is_webrtc=True)
"""Twice as fast as it is played."""


def test_the_audio_is_played_and_in_no_event() -> None:
    bench = EngineBench(INSTANT)
    found = types(bench.send("response.create"))
    assert found[-1] == "response.done"
    assert "response.output_audio.delta" not in found
    assert "response.output_audio_transcript.delta" in found
    pcm = bench.take_audio(1_040)
    assert pcm == speech(1_000)
    assert types(bench.events)[-2:] == [
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
    ]
    response_id = only(bench.events, "response.done")["response"]["id"]
    assert {each["response_id"] for each in bench.events[-2:]} == {response_id}


def test_the_item_and_the_usage_are_those_of_a_websocket_call() -> None:
    webrtc, websocket = EngineBench(INSTANT), EngineBench(EngineOptions(pace=0, late_every=0))
    done = [
        only(bench.send("response.create"), "response.done")["response"]
        for bench in (webrtc, websocket)
    ]
    assert done[0]["usage"] == done[1]["usage"]
    assert done[0]["output"][0]["content"] == done[1]["output"][0]["content"]


def test_speech_during_the_response_cancels_it_and_truncates_it_to_what_was_played() -> None:
    bench = EngineBench(STEADY)
    bench.send("response.create")
    bench.take_audio(200)
    found = bench.hear(speech(300))
    assert types(found).index("input_audio_buffer.speech_started") < types(found).index(
        "response.done"
    )
    assert only(found, "response.done")["response"]["status"] == "cancelled"
    truncated = only(found, "conversation.item.truncated")
    assert truncated["audio_end_ms"] == 200
    assert types(found)[-2:] == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert bench.take_audio(400) == b""


def test_speech_after_the_response_ends_its_playback() -> None:
    bench = EngineBench(INSTANT)
    bench.send("response.create")
    bench.take_audio(200)
    found = bench.hear(speech(300))
    assert types(found) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    item_id = only(found, "conversation.item.truncated")["item_id"]
    item = only(
        bench.send("conversation.item.retrieve", item_id=item_id), "conversation.item.retrieved"
    )
    assert item["item"]["content"][0]["transcript"] is None


def test_speech_with_nothing_to_interrupt_clears_nothing() -> None:
    bench = EngineBench(INSTANT)
    assert types(bench.hear(silence(100) + speech(300))) == ["input_audio_buffer.speech_started"]


def test_without_interrupt_response_the_answer_plays_on() -> None:
    bench = EngineBench(INSTANT)
    detection = {"type": "server_vad", "interrupt_response": False}
    bench.configure({"audio": {"input": {"turn_detection": detection}}})
    bench.send("response.create")
    bench.take_audio(200)
    assert types(bench.hear(speech(300))) == ["input_audio_buffer.speech_started"]
    assert bench.take_audio(200) == speech(1_000)[200 * 48 : 400 * 48]


def test_the_client_can_clear_the_output_audio() -> None:
    bench = EngineBench(STEADY)
    bench.send("response.create")
    bench.take_audio(200)
    found = bench.send("output_audio_buffer.clear")
    assert types(found) == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert found[1]["audio_end_ms"] == 200
    assert bench.take_audio(1_000) == b""
    done = only(bench.events, "response.done")["response"]
    assert done["status"] == "completed"  # Without `response.cancel` its text goes on.
    assert bench.send("output_audio_buffer.clear") == []


def test_a_deleted_item_is_not_truncated() -> None:
    bench = EngineBench(INSTANT)
    item_id = only(bench.send("response.create"), "conversation.item.added")["item"]["id"]
    bench.take_audio(200)
    bench.send("conversation.item.delete", item_id=item_id)
    assert types(bench.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]


def test_an_item_that_the_client_shortened_further_is_not_truncated_again() -> None:
    bench = EngineBench(INSTANT)
    item_id = only(bench.send("response.create"), "conversation.item.added")["item"]["id"]
    bench.take_audio(200)
    bench.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    assert types(bench.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]


def test_clearing_is_refused_without_webrtc() -> None:
    bench = EngineBench()
    assert error_of(bench.send("output_audio_buffer.clear"))["code"] == "invalid_value"
    bench.send("response.create")
    assert bench.take_audio(100) == b""


def test_each_further_connection_gets_the_session_as_it_is() -> None:
    bench = EngineBench(INSTANT)
    bench.configure({"instructions": "Be brief."})
    created = bench.engine.session_created()
    assert created["type"] == "session.created"
    assert created["session"]["instructions"] == "Be brief."
    assert created["event_id"] != bench.engine.session_created()["event_id"]


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-2.1"])
def test_it_opens_with_the_settings_that_it_is_given(model: str) -> None:
    bench = EngineBench(
        INSTANT, initial_session={"type": "realtime", "model": model, "instructions": "Be brief."}
    )
    session = only(bench.events, "session.created")["session"]
    assert (session["model"], session["instructions"]) == ("gpt-realtime", "Be brief.")


def test_a_full_input_buffer_drops_what_the_microphone_brings() -> None:
    bench = EngineBench(INSTANT)
    bench.configure({"audio": {"input": {"turn_detection": None}}})
    assert bench.engine.hear(bytes(15 * 1024 * 1024), bench.now) == []
    assert bench.engine.hear(bytes(2), bench.now) == []
    assert types(bench.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"


ACTIONS = st.sampled_from(
    ["response.create", "response.cancel", "output_audio_buffer.clear", "play", "speak", "wait"]
)


TURN = speech(200) + silence(240)


@pytest.mark.slow
@settings(max_examples=50)
@given(st.lists(ACTIONS, min_size=1, max_size=12), st.sampled_from([0, 1, 3]))
def test_every_playback_that_starts_ends_once(actions: list[str], pace: int) -> None:
    bench = EngineBench(EngineOptions(pace=pace, late_every=0, is_webrtc=True))
    bench.line_ms = 300
    for action in actions:
        match action:
            case "play":
                bench.take_audio(100)
            case "speak":
                bench.hear(TURN)
            case "wait":
                bench.wait(0.3)
            case type:
                bench.send(type)
    bench.wait(2)  # until everything is generated
    while bench.take_audio(100):
        pass
    states: dict[str, str] = {}
    for event in bench.events:
        type = event["type"]
        assert type != "response.output_audio.delta"
        match type:
            case "output_audio_buffer.started":
                assert event["response_id"] not in states
                assert "playing" not in states.values()
                states[event["response_id"]] = "playing"
            case "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                assert states[event["response_id"]] == "playing"
                states[event["response_id"]] = "ended"
    assert "playing" not in states.values()
    done = [event["response"]["id"] for event in bench.events if event["type"] == "response.done"]
    assert set(states) <= set(done)
