"""Streaming a response: pace, truncation, cancellation."""

import base64

import pytest

from backend.simulator.engine.chunking import Chunk, written_chunks
from backend.simulator.engine.engine import EngineOptions
from backend.simulator.engine.response_stream import chunks_within_budget
from tests.simulator.equipment import ANSWER_ENDS, EngineBench, only, speech, types

DELTAS = ("response.output_audio.delta", "response.output_audio_transcript.delta")


def test_audio_and_transcript_are_sent_together_at_the_configured_pace() -> None:
    bench = EngineBench(EngineOptions(pace=2))
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


def test_a_text_response_has_no_audio() -> None:
    bench = EngineBench()
    found = bench.send("response.create", response={"output_modalities": ["text"]})
    assert not [each for each in types(found) if "audio" in each]
    deltas = [each["delta"] for each in found if each["type"] == "response.output_text.delta"]
    assert "".join(deltas) == only(found, "response.output_text.done")["text"]
    assert only(found, "response.content_part.added")["part"]["type"] == "text"


def test_a_cancelled_response_sends_its_closing_events_and_the_usage_so_far() -> None:
    bench = EngineBench(EngineOptions(pace=1))
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


def test_a_deleted_item_gets_no_conversation_item_done() -> None:
    bench = EngineBench(EngineOptions(pace=1))
    added = only(bench.send("response.create"), "conversation.item.added")
    bench.send("conversation.item.delete", item_id=added["item"]["id"])
    found = types(bench.wait(5))
    assert "response.output_item.done" in found
    assert "conversation.item.done" not in found


def test_a_response_is_incomplete_when_max_output_tokens_is_reached() -> None:
    bench = EngineBench()
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


def test_a_text_response_with_one_output_token_is_incomplete() -> None:
    response = {"max_output_tokens": 1, "output_modalities": ["text"]}
    found = EngineBench().send("response.create", response=response)
    assert only(found, "response.output_text.done")["text"] == "You"
    done = only(found, "response.done")["response"]
    assert (done["status"], done["usage"]["output_tokens"]) == ("incomplete", 1)


def test_chunks_within_the_budget_are_kept() -> None:
    chunks = written_chunks("one two three four")
    assert chunks_within_budget(chunks, "inf") == chunks
    assert chunks_within_budget(chunks, 5) == chunks
    assert "".join(chunk.text for chunk in chunks_within_budget(chunks, 3)) == "one two"
    assert chunks_within_budget([Chunk("", bytes(48 * 100))], 1) == []
