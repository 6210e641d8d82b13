"""Transcripts of the user's audio, and when they are sent."""

from backend.simulator.engine.engine import EngineOptions
from tests.simulator.equipment import (
    MANUAL,
    TRANSCRIBING,
    EngineBench,
    append,
    only,
    silence,
    speech,
    types,
)

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


def test_there_is_no_transcript_unless_the_session_asks_for_it() -> None:
    found = EngineBench().play(speech(800) + silence(800))
    assert not [each for each in types(found) if "transcription" in each]


def test_the_deltas_join_to_the_transcript_and_its_usage_is_in_seconds() -> None:
    bench = EngineBench()
    bench.recognised_text = "How do you handle orders?"
    bench.configure(TRANSCRIBING)
    found = bench.play(silence(600) + speech(1_000) + silence(800))
    completed = only(found, COMPLETED)
    pieces = [each["delta"] for each in found if each["type"].endswith("transcription.delta")]
    assert "".join(pieces) == completed["transcript"] == bench.recognised_text
    assert completed["usage"]["type"] == "duration"
    assert 1.2 <= completed["usage"]["seconds"] <= 1.9


def test_unrecognised_speech_fails_the_transcription_and_is_still_answered() -> None:
    bench = EngineBench()
    bench.recognised_text = None
    bench.configure(TRANSCRIBING)
    found = bench.play(speech(800) + silence(800))
    assert only(found, FAILED)["error"]["code"] == "speech_not_recognised"
    done = only(found, "response.done")["response"]
    assert done["output"][0]["content"][0]["transcript"].startswith("You said None")


def test_every_nth_transcript_comes_after_the_response() -> None:
    bench = EngineBench(EngineOptions(pace=0, late_every=2))
    bench.configure(TRANSCRIBING)
    turn = speech(800) + silence(800)
    first, second = types(bench.play(turn)), types(bench.play(turn))
    assert first.index(COMPLETED) < first.index("response.done")
    assert second.index(COMPLETED) > second.index("response.done")


def test_a_late_transcript_without_a_response_is_still_sent() -> None:
    bench = EngineBench(EngineOptions(pace=0, late_every=1))
    bench.configure(TRANSCRIBING, MANUAL)
    bench.send_raw(append(speech(500)))
    assert COMPLETED not in types(bench.send("input_audio_buffer.commit"))
    assert COMPLETED in types(bench.wait(1))


def test_the_fault_late_transcripts_delays_one_until_after_the_response() -> None:
    bench = EngineBench()
    bench.configure(TRANSCRIBING)
    bench.engine.injected_faults.late_transcripts = 1
    turn = speech(800) + silence(800)
    first, second = types(bench.play(turn)), types(bench.play(turn))
    assert first.index(COMPLETED) > first.index("response.done")
    assert second.index(COMPLETED) < second.index("response.done")


def test_the_fault_lost_transcripts_sends_none_of_a_turn_that_is_answered() -> None:
    bench = EngineBench()
    bench.configure(TRANSCRIBING)
    bench.engine.injected_faults.lost_transcripts = 1
    turn = speech(800) + silence(800)
    first, second = types(bench.play(turn)), types(bench.play(turn))
    assert "response.done" in first and COMPLETED not in first
    assert COMPLETED in second


def test_the_fault_empty_transcripts_understands_nothing() -> None:
    bench = EngineBench()
    bench.configure(TRANSCRIBING)
    bench.engine.injected_faults.empty_transcripts = 1
    assert only(bench.play(speech(800) + silence(800)), COMPLETED)["transcript"] == ""
