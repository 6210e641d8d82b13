"""What was heard of audio that goes past the relay, from the provider's own playback."""

from typing import Any

import pytest

from backend.relay.output_buffer import START_WAIT_S, TRUNCATION_WAIT_S, OutputBuffer, spoken_ms

A, B = ("item_a", 0), ("item_b", 0)


def part(response: str, item: str) -> dict[str, Any]:
    return {
        "type": "response.content_part.added",
        "response_id": response,
        "item_id": item,
        "content_index": 0,
        "part": {"type": "audio"},
    }


def output(kind: str, response: str = "resp_1") -> dict[str, Any]:
    return {"type": f"output_audio_buffer.{kind}", "response_id": response}


def playing(since_s: float = 0.0, known_ms: float = 0.0) -> OutputBuffer:
    buffer = OutputBuffer()
    buffer.add_event(part("resp_1", "item_a"), since_s)
    if known_ms:
        buffer.add(A, known_ms, "resp_1")
    assert buffer.add_event(output("started"), since_s) == A
    return buffer


def test_an_answer_is_heard_from_its_start_to_its_stop() -> None:
    buffer = playing(10.0)
    assert buffer.is_playing(11.0)
    assert buffer.unfinished(11.5) == {A: 1500}
    buffer.add_event(output("stopped"), 12.0)
    assert not buffer.is_playing(12.0)
    assert buffer.unfinished(13.0) == {}


def test_an_answer_that_waits_was_not_heard() -> None:
    buffer = playing()
    buffer.add_event(part("resp_2", "item_b"), 0.5)
    buffer.add(B, 800, "resp_2")
    assert buffer.unfinished(1.0) == {A: 1000, B: 0}


def test_without_a_report_of_playback_everything_counts_as_heard() -> None:
    buffer = OutputBuffer()
    buffer.add_event(part("resp_1", "item_a"), 0.0)
    assert buffer.unfinished(9.0) == {}


def test_a_part_of_known_length_ends_before_the_next_one_begins() -> None:
    buffer = playing(0.0, 400)
    buffer.add_event(part("resp_1", "item_b"), 0.1)
    assert buffer.unfinished(1.0) == {B: 600}
    assert buffer.unfinished(0.3) == {A: 300, B: 0}


def test_the_time_until_a_clear_counts_where_no_truncation_comes() -> None:
    buffer = playing()
    buffer.add_event(output("cleared"), 1.2)
    assert not buffer.is_playing(1.2)
    assert buffer.unfinished(1.3) == {A: 1200}
    assert buffer.overdue_cuts(1.2 + TRUNCATION_WAIT_S) == {}
    assert buffer.overdue_cuts(1.3 + TRUNCATION_WAIT_S) == {A: 1200}
    assert buffer.overdue_cuts(9.0) == {}
    assert buffer.unfinished(9.0) == {}


def test_a_truncation_replaces_the_time_until_a_clear() -> None:
    buffer = playing()
    buffer.add_event(output("cleared"), 1.2)
    truncated = {"type": "conversation.item.truncated", "item_id": "item_a", "content_index": 0}
    buffer.add_event(truncated, 1.3)
    assert buffer.overdue_cuts(9.0) == {}
    assert buffer.unfinished(9.0) == {}


def test_a_complete_answer_is_about_to_be_heard() -> None:
    buffer = OutputBuffer()
    buffer.add_event(part("resp_1", "item_a"), 0.0)
    assert not buffer.is_playing(0.1)
    buffer.add_event({"type": "response.done", "response": {"id": "resp_1"}}, 0.2)
    assert buffer.is_playing(0.2 + START_WAIT_S / 2)
    assert not buffer.is_playing(0.2 + START_WAIT_S)


def test_an_answer_that_is_cut_off_before_its_first_sound_is_over() -> None:
    buffer = OutputBuffer()
    buffer.add_event(part("resp_1", "item_a"), 0.0)
    buffer.add_event({"type": "response.done", "response": {"id": "resp_1"}}, 0.2)
    truncated = {"type": "conversation.item.truncated", "item_id": "item_a", "content_index": 0}
    buffer.add_event(truncated, 0.3)
    assert not buffer.is_playing(0.4)


def test_the_next_answer_ends_one_whose_stop_was_lost() -> None:
    buffer = playing()
    buffer.add_event(part("resp_2", "item_b"), 3.0)
    assert buffer.add_event(output("started", "resp_2"), 3.0) == B
    assert buffer.unfinished(4.0) == {B: 1000}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "output_audio_buffer.started"},
        {"type": "output_audio_buffer.stopped", "response_id": "resp_9"},
        {"type": "output_audio_buffer.cleared", "response_id": ["resp_1"]},
        {"type": "response.content_part.added", "part": "audio"},
        {"type": "conversation.item.truncated", "item_id": 7},
        part("resp_2", "item_b") | {"part": {"type": "text"}},
    ],
)
def test_what_says_nothing_changes_nothing(event: dict[str, Any]) -> None:
    buffer = playing()
    assert buffer.add_event(event, 1.0) is None
    assert buffer.unfinished(2.0) == {A: 2000}


@pytest.mark.parametrize(
    ("text", "ms"), [("", 0), ("a" * 30, 2000), ("会話を続けましょう。", 1400)]
)
def test_speech_has_a_pace_in_each_script(text: str, ms: int) -> None:
    assert round(spoken_ms(text), -2) == ms
