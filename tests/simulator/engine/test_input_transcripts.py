"""What is told of the user's sound, and when."""

from backend.simulator.engine.engine import EngineOptions
from tests.simulator.equipment import (
    MANUAL,
    TRANSCRIBING,
    Bench,
    append,
    only,
    silence,
    speech,
    types,
)

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


def test_there_is_no_transcript_unless_it_was_asked_for() -> None:
    found = Bench().play(speech(800) + silence(800))
    assert not [each for each in types(found) if "transcription" in each]


def test_a_transcript_is_billed_by_the_second_and_its_pieces_join_to_it() -> None:
    bench = Bench()
    bench.will_hear = "How do you handle orders?"
    bench.configure(TRANSCRIBING)
    found = bench.play(silence(600) + speech(1_000) + silence(800))
    completed = only(found, COMPLETED)
    pieces = [each["delta"] for each in found if each["type"].endswith("transcription.delta")]
    assert "".join(pieces) == completed["transcript"] == bench.will_hear
    assert completed["usage"]["type"] == "duration"
    assert 1.2 <= completed["usage"]["seconds"] <= 1.9


def test_what_is_not_understood_fails_and_is_answered_all_the_same() -> None:
    bench = Bench()
    bench.will_hear = None
    bench.configure(TRANSCRIBING)
    found = bench.play(speech(800) + silence(800))
    assert only(found, FAILED)["error"]["code"] == "speech_not_recognised"
    done = only(found, "response.done")["response"]
    assert done["output"][0]["content"][0]["transcript"].startswith("You said None")


def test_every_nth_transcript_comes_after_the_answer() -> None:
    bench = Bench(EngineOptions(pace=0, late_every=2))
    bench.configure(TRANSCRIBING)
    turn = speech(800) + silence(800)
    first, second = types(bench.play(turn)), types(bench.play(turn))
    assert first.index(COMPLETED) < first.index("response.done")
    assert second.index(COMPLETED) > second.index("response.done")


def test_a_late_transcript_without_an_answer_still_comes() -> None:
    bench = Bench(EngineOptions(pace=0, late_every=1))
    bench.configure(TRANSCRIBING, MANUAL)
    bench.hear_of(append(speech(500)))
    assert COMPLETED not in types(bench.send("input_audio_buffer.commit"))
    assert COMPLETED in types(bench.wait(1))


def test_a_transcript_is_held_back_until_after_the_answer_on_request() -> None:
    bench = Bench()
    bench.configure(TRANSCRIBING)
    bench.engine.troubles.late_transcripts = 1
    turn = speech(800) + silence(800)
    first, second = types(bench.play(turn)), types(bench.play(turn))
    assert first.index(COMPLETED) > first.index("response.done")
    assert second.index(COMPLETED) < second.index("response.done")
