"""An answer on its way."""

import base64

import pytest

from backend.simulator.engine.chunking import Beat, written
from backend.simulator.engine.engine import EngineOptions
from backend.simulator.engine.response_stream import affordable
from tests.simulator.equipment import ANSWER_ENDS, Bench, only, speech, types

DELTAS = ("response.output_audio.delta", "response.output_audio_transcript.delta")


def test_sound_and_caption_come_together_at_the_pace_that_was_asked_for() -> None:
    bench = Bench(EngineOptions(pace=2))
    bench.line_ms = 1_600
    opening = bench.send("response.create")
    assert types(opening)[-1] == "response.output_audio.delta"
    at: list[float] = []
    while "response.done" not in types(bench.events):
        bench.wait(0.01)
        at += [bench.now] * types(bench.events).count("response.done")
    assert at[0] - 1_000 == pytest.approx(0.8, abs=0.03)
    sound = [each for each in bench.events if each["type"] == "response.output_audio.delta"]
    assert b"".join(base64.b64decode(each["delta"]) for each in sound) == speech(1_600)
    words = [each for each in bench.events if each["type"] == DELTAS[1]]
    done = only(bench.events, "response.output_audio_transcript.done")
    assert "".join(each["delta"] for each in words) == done["transcript"]
    order = [each["type"] for each in bench.events if each["type"] in DELTAS]
    half = order[len(order) // 2 :]
    assert DELTAS[1] in half


def test_a_written_answer_has_no_sound() -> None:
    bench = Bench()
    found = bench.send("response.create", response={"output_modalities": ["text"]})
    assert not [each for each in types(found) if "audio" in each]
    deltas = [each["delta"] for each in found if each["type"] == "response.output_text.delta"]
    assert "".join(deltas) == only(found, "response.output_text.done")["text"]
    assert only(found, "response.content_part.added")["part"]["type"] == "text"


def test_a_cancelled_answer_is_closed_in_order_and_counts_what_was_made() -> None:
    bench = Bench(EngineOptions(pace=1))
    bench.line_ms = 4_000
    bench.send("response.create")
    bench.wait(1)
    found = bench.send("response.cancel")
    assert types(found) == ANSWER_ENDS
    response = only(found, "response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    assert 15 <= response["usage"]["output_token_details"]["audio_tokens"] <= 30
    assert bench.wait(10) == []


def test_an_item_that_was_deleted_meanwhile_is_not_done_in_the_conversation() -> None:
    bench = Bench(EngineOptions(pace=1))
    added = only(bench.send("response.create"), "conversation.item.added")
    bench.send("conversation.item.delete", item_id=added["item"]["id"])
    found = types(bench.wait(5))
    assert "response.output_item.done" in found
    assert "conversation.item.done" not in found


def test_an_answer_ends_incomplete_where_its_tokens_are_used_up() -> None:
    bench = Bench()
    bench.line_ms = 4_000
    found = bench.send("response.create", response={"max_output_tokens": 30})
    assert types(found)[-len(ANSWER_ENDS) :] == ANSWER_ENDS
    response = only(found, "response.done")["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert 25 <= response["usage"]["output_tokens"] <= 30
    whole = only(bench.send("response.create"), "response.done")["response"]
    assert whole["status"] == "completed"


def test_a_written_answer_may_have_no_token_to_spend() -> None:
    response = {"max_output_tokens": 1, "output_modalities": ["text"]}
    found = Bench().send("response.create", response=response)
    assert only(found, "response.output_text.done")["text"] == "You"
    done = only(found, "response.done")["response"]
    assert (done["status"], done["usage"]["output_tokens"]) == ("incomplete", 1)


def test_what_costs_no_more_than_there_is_is_kept_whole() -> None:
    beats = written("one two three four")
    assert affordable(beats, "inf") == beats
    assert affordable(beats, 5) == beats
    assert "".join(beat.text for beat in affordable(beats, 3)) == "one two"
    assert affordable([Beat("", bytes(48 * 100))], 1) == []
