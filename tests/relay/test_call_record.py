"""What is kept of a call: turns, usage and what was heard, with a client and without one."""

import json
import pickle
from typing import Any

import pytest

from backend.protocol.events import ServerEvent
from backend.protocol.frames import peek_from_upstream
from backend.protocol.transcript.turns import Modality, Turn, TurnStatus
from backend.protocol.usage import Usage
from backend.relay.call_record import CallRecord, Saved
from backend.relay.effects import CountUsage, KeepTurn
from backend.relay.output_buffer import OutputBuffer
from backend.relay.playback import Playback
from tests.relay.equipment import (
    at,
    audio_delta,
    frame,
    item_event,
    response_created,
    response_done,
    typed,
    words,
)


def with_client() -> CallRecord:
    """The record of a call whose audio passes through the relay."""
    return CallRecord(playback=Playback())


def add(record: CallRecord, text: str, seconds: float) -> list[Saved]:
    """Add a provider's frame, as the call logic does."""
    delta = peek_from_upstream(text)
    if delta.type == "response.output_audio.delta":
        record.add_audio(delta, at(seconds).timestamp())
        return []
    return record.add(delta.event, at(seconds))


def client_sends(record: CallRecord, text: str, seconds: float) -> None:
    record.add_client_event(json.loads(text), at(seconds).timestamp())


def turns_of(saved: list[Saved]) -> list[Turn]:
    return [each.turn for each in saved if isinstance(each, KeepTurn)]


def last_turn(saved: list[Saved]) -> Turn | None:
    turns = turns_of(saved)
    return turns[-1] if turns else None


def begin_response(record: CallRecord, item_id: str = "item_a") -> None:
    """A spoken response with its first second of audio."""
    add(record, response_created(), 1)
    add(record, item_event("added", item_id, None, "assistant"), 1)
    add(record, words(item_id, "Good morning, "), 1)
    add(record, audio_delta(item_id, ms=1000), 1)


def whole_response(record: CallRecord) -> None:
    """A whole response, sent at once: four words of a second each."""
    begin_response(record)
    for word in ("Aoi, ", "my ", "friend."):
        add(record, words("item_a", word), 1)
        add(record, audio_delta("item_a", ms=1000), 1)
    item = {"id": "item_a", "type": "message", "role": "assistant", "status": "completed"}
    add(record, response_done(output=[item]), 1.2)


def truncate(ms: int, item_id: str = "item_a") -> str:
    return frame(
        type="conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=ms
    )


def truncated(ms: int, item_id: str = "item_a") -> str:
    return frame(
        type="conversation.item.truncated",
        event_id="e",
        item_id=item_id,
        content_index=0,
        audio_end_ms=ms,
    )


# Turns and usage


def test_a_turn_is_saved_when_it_is_complete_and_usage_is_counted() -> None:
    record = with_client()
    begin_response(record)
    usage = {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}
    item = {
        "id": "item_a",
        "object": "realtime.item",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": "Good morning, Aoi."}],
    }
    saved = add(record, response_done(output=[item], usage=usage), 2)
    (turn,) = turns_of(saved)
    assert (turn.text, turn.status) == ("Good morning, Aoi.", TurnStatus.COMPLETED)
    (cost,) = [each.usage for each in saved if isinstance(each, CountUsage)]
    assert (cost.source_id, cost.text_in, cost.text_out) == ("resp_1", 1, 2)


def test_a_turn_that_only_grows_waits_for_the_flush() -> None:
    record = with_client()
    begin_response(record)
    for piece in ("Aoi, ", "how are you?"):
        assert add(record, words("item_a", piece), 1) == []
    (turn,) = turns_of(record.flush(at(9)))
    assert turn.text.split() == ["Good", "morning,", "Aoi,", "how", "are", "you?"]
    assert turn.status is TurnStatus.IN_PROGRESS
    assert record.flush(at(9)) == []


def test_a_delta_read_from_its_frame_is_saved_by_the_flush_or_with_the_next_event() -> None:
    record = with_client()
    begin_response(record)
    record.add_delta(peek_from_upstream(words("item_a", "Aoi, ")), at(1))
    (turn,) = turns_of(record.flush(at(1)))
    assert turn.text.endswith("Aoi, ")
    record.add_delta(peek_from_upstream(words("item_a", "how are you?")), at(2))
    assert record.is_generating(at(2).timestamp())
    (saved,) = turns_of(add(record, response_done(), 3))
    assert saved.text.endswith("how are you?")


def test_a_response_is_active_until_it_is_done() -> None:
    record = with_client()
    begin_response(record)
    assert record.has_active_response
    add(record, response_done(), 1.5)
    assert not record.has_active_response


def test_a_response_of_which_nothing_comes_any_more_is_none() -> None:
    record = CallRecord()
    begin_response(record)
    assert record.is_answering(at(20.9).timestamp())
    add(record, words("item_a", "Aoi."), 15)
    assert record.is_answering(at(34.9).timestamp())
    assert not record.is_answering(at(35).timestamp())


def test_a_response_that_another_has_followed_is_over() -> None:
    record = CallRecord()
    begin_response(record)
    add(record, response_created("resp_2"), 30)
    assert record.is_answering(at(31).timestamp())
    add(record, response_done("resp_2"), 32)
    assert not record.is_answering(at(32).timestamp())


def test_a_call_is_answering_until_the_audio_can_have_been_played() -> None:
    record = with_client()
    begin_response(record)
    add(record, response_done(), 1.5)
    assert record.is_answering(at(1.9).timestamp())
    assert not record.is_answering(at(2).timestamp())


# What was heard


def test_audio_that_comes_twice_counts_once() -> None:
    record = with_client()
    audio = audio_delta("item_a", ms=100)
    for _ in range(2):
        add(record, audio, 1)
    assert record.sent_ms(("item_a", 0)) == 100


def test_a_response_that_cannot_have_been_played_was_not_heard() -> None:
    record = with_client()
    whole_response(record)
    turn = last_turn(record.finish(at(3)))
    assert turn is not None
    assert (turn.status, turn.heard_ms) == (TurnStatus.INTERRUPTED, 2000)
    assert turn.text == "Good morning, Aoi, my friend."
    assert turn.heard_text == "Good morning, Aoi,"


def test_a_response_that_can_have_been_played_was_heard() -> None:
    record = with_client()
    whole_response(record)
    assert record.finish(at(5)) == []


def test_the_clients_truncation_stands() -> None:
    record = with_client()
    whole_response(record)
    client_sends(record, truncate(1500), 2.5)
    add(record, truncated(1500), 2.6)
    assert last_turn(record.finish(at(2.7))) is None


def test_a_response_stays_whole_if_the_user_typed_instead_of_truncating() -> None:
    record = with_client()
    whole_response(record)
    client_sends(record, typed("Go on."), 2)
    assert last_turn(record.finish(at(2.5))) is None


def test_a_spoken_response_without_audio_was_not_heard() -> None:
    record = with_client()
    add(record, words("item_a", "Good morning, "), 1)
    turn = last_turn(record.finish(at(9)))
    assert turn is not None
    assert (turn.text.strip(), turn.heard_ms, turn.heard_text) == ("Good morning,", 0, "")


def test_a_written_response_counts_as_read() -> None:
    record = with_client()
    text = frame(
        type="response.output_text.delta",
        event_id="e",
        response_id="resp_1",
        item_id="item_a",
        output_index=0,
        content_index=0,
        delta="Good morning.",
    )
    add(record, text, 1)
    turn = last_turn(record.finish(at(1.1)))
    assert turn is not None
    assert (turn.modality, turn.heard_ms, turn.heard_text) == (Modality.TEXT, None, None)


# After the end


def test_a_late_transcript_is_kept_and_ends_the_wait() -> None:
    record = with_client()
    committed: dict[str, Any] = {"type": "input_audio_buffer.committed", "item_id": "item_u"}
    record.add(committed, at(1))
    record.finish(at(2))
    assert record.has_pending_replies
    transcript = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_u",
        "content_index": 0,
        "transcript": "What I said.",
        "usage": {"type": "duration", "seconds": 1.5},
    }
    saved = record.add_after_end(transcript, at(2.4))
    assert [turn.text for turn in turns_of(saved)] == ["What I said."]
    assert [each.usage.seconds for each in saved if isinstance(each, CountUsage)] == [1.5]
    assert not record.has_pending_replies


def test_a_late_response_costs_but_makes_no_turn() -> None:
    record = with_client()
    record.finish(at(1))
    item = {
        "id": "item_late",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": "Nobody listens."}],
    }
    usage = {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}
    late = [
        json.loads(response_created("resp_late")),
        json.loads(item_event("added", "item_late", None, "assistant")),
        json.loads(words("item_late", "Nobody listens.", "resp_late")),
    ]
    assert [record.add_after_end(event, at(1.1)) for event in late] == [[], [], []]
    done = json.loads(response_done("resp_late", output=[item], usage=usage))
    (cost,) = record.add_after_end(done, at(1.2))
    assert isinstance(cost, CountUsage)
    assert record.flush(at(9)) == []


# Without a client


def test_a_sideband_makes_the_same_turns_without_playback() -> None:
    beside, within = CallRecord(), with_client()
    for record in (beside, within):
        begin_response(record)
        add(record, truncated(400), 1.5)
    expected, actual = (turns_of(each.finish(at(9))) for each in (within, beside))
    assert [(turn.text, turn.status, turn.heard_ms) for turn in actual] == [
        (turn.text, turn.status, turn.heard_ms) for turn in expected
    ]


def test_without_playback_only_a_truncation_says_what_was_heard() -> None:
    record = CallRecord()
    whole_response(record)
    assert record.sent_ms(("item_a", 0)) == 0
    assert not record.is_answering(at(1.3).timestamp())
    assert record.finish(at(1.3)) == []


UNREAD = [kind for kind in (*ServerEvent, "something.new", "") if not CallRecord().reads(kind)]


@pytest.mark.parametrize("event_type", UNREAD)
def test_an_event_that_is_not_read_changes_nothing(event_type: str) -> None:
    record = with_client()
    begin_response(record)
    record.flush(at(1))
    before = pickle.dumps(record)
    item = {"id": "item_a", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    event = {
        "type": event_type, "item_id": "item_a", "item": item, "content_index": 0, "delta": "a",
        "response": {"id": "resp_1", "status": "completed"}, "response_id": "resp_1",
        "usage": {"type": "duration", "seconds": 1}, "transcript": "a", "text": "a",
        "audio_start_ms": 1, "audio_end_ms": 2, "error": {"code": "a"},
    }  # fmt: skip
    assert record.add(event, at(2)) == []
    assert pickle.dumps(record) == before


def test_the_first_sound_of_a_watched_call_may_come_after_the_end_of_the_response() -> None:
    record = CallRecord(playback=OutputBuffer())
    place = {"item_id": "item_a", "response_id": "resp_1", "content_index": 0}
    item = {"id": "item_a", "type": "message", "role": "assistant"}
    said = {"type": "response.output_audio_transcript.done", **place, "transcript": "Hello."}
    for seconds, text in (
        (1.0, frame(type="input_audio_buffer.speech_stopped", item_id="item_u")),
        (1.1, response_created()),
        (1.2, frame(type="response.content_part.added", **place, part={"type": "audio"})),
        (1.3, frame(**said)),
        (1.4, response_done(output=[item])),
        (1.5, frame(type="output_audio_buffer.started", response_id="resp_1")),
    ):
        add(record, text, seconds)
    (heard,) = record.turns()
    assert heard.first_sound_ms == 500


def test_every_event_is_read_while_the_audio_goes_past_the_relay() -> None:
    assert CallRecord(playback=OutputBuffer()).reads("something.new")


def test_an_event_of_any_shape_is_passed_over() -> None:
    record = CallRecord(("item_past",))
    for event in ({}, {"type": ["response.done"]}, {"type": "error", "error": 5}, {"type": None}):
        assert record.add(event, at(1)) == []
        assert record.add_after_end(event, at(1)) == []


def out_of_band_response(output_text: str) -> list[str]:
    """All events of a response with `conversation: none`: its item is in no conversation."""
    item = {"id": "item_o", "type": "message", "role": "assistant"}
    part = {"type": "output_text", "text": output_text}
    response = {"id": "resp_o", "status": "in_progress", "conversation_id": None}
    place = {"response_id": "resp_o", "item_id": "item_o", "output_index": 0, "content_index": 0}
    done = response | {
        "status": "completed",
        "output": [item | {"status": "completed", "content": [part]}],
        "usage": {"input_tokens": 7, "output_tokens": 5},
    }
    return [
        frame(type="response.created", event_id="e_o1", response=response),
        frame(
            type="response.output_item.added", event_id="e_o2", response_id="resp_o",
            output_index=0, item=item | {"content": []},
        ),
        frame(type="response.output_text.delta", event_id="e_o3", delta=output_text, **place),
        frame(type="response.output_text.done", event_id="e_o4", text=output_text, **place),
        frame(type="response.done", event_id="e_o5", response=done),
    ]  # fmt: skip


def test_a_response_outside_the_conversation_is_counted_and_not_kept() -> None:
    record = with_client()
    saved = [
        each
        for number, text in enumerate(out_of_band_response("A summary."))
        for each in add(record, text, number)
    ]
    saved += [*record.flush(at(9)), *record.finish(at(9))]
    assert saved == [CountUsage(Usage("resp_o", "response", text_in=7, text_out=5))]


def test_a_response_outside_the_conversation_that_ends_after_the_call_is_counted() -> None:
    record = with_client()
    *begun, done = out_of_band_response("A summary.")
    for text in begun:
        add(record, text, 1)
    guess = Usage("resp_o", "response", text_out=3, is_estimated=True)
    assert record.finish(at(2)) == [CountUsage(guess)]
    (counted,) = record.add_after_end(json.loads(done), at(3))
    assert counted == CountUsage(Usage("resp_o", "response", text_in=7, text_out=5))


def test_it_does_not_touch_the_answer_beside_it() -> None:
    record = with_client()
    begin_response(record)
    for text in out_of_band_response("A summary."):
        add(record, text, 1)
    turns = {turn.item_id: turn.text for turn in turns_of(record.finish(at(9)))}
    assert turns == {"item_a": "Good morning, "}


def test_without_a_client_a_record_goes_on_over_several_connections() -> None:
    record = CallRecord()
    begin_response(record)
    (cut,) = turns_of(record.end_connection(at(2), is_lost=True))
    assert (cut.item_id, cut.position, cut.status) == ("item_a", 0, TurnStatus.INTERRUPTED)
    record.begin_connection(("item_a",))
    assert not record.has_active_response
    assert turns_of(add(record, item_event("added", "item_a", None, "assistant"), 3)) == []
    content = [{"type": "input_text", "text": "Go on."}]
    added = add(record, item_event("added", "item_u", "item_a", content=content), 3)
    assert [(turn.item_id, turn.position) for turn in turns_of(added)] == [("item_u", 1)]
    assert [turn.position for turn in record.turns()] == [0, 1]
    truncate = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 100}
    (heard,) = turns_of(record.truncate_earlier(truncate, at(4)))
    assert (heard.heard_ms, heard.position) == (100, 0)
    assert turns_of(record.finish(at(5))) == []


def test_a_spoken_answer_has_the_time_to_its_first_sound() -> None:
    record = with_client()
    stopped = frame(type="input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=900)
    add(record, stopped, 1)
    add(record, response_created(), 1.2)
    add(record, item_event("added", "item_a", None, "assistant"), 1.2)
    add(record, words("item_a", "Good morning, "), 1.3)
    assert [turn.first_sound_ms for turn in turns_of(record.flush(at(9)))] == [None]
    add(record, audio_delta("item_a", ms=100), 1.75)
    add(record, audio_delta("item_a", ms=100), 1.9)
    client_sends(record, typed("And you?"), 2)
    # The same answer goes on: it is no answer to what was typed meanwhile.
    add(record, audio_delta("item_a", ms=100), 2.1)
    assert [turn.first_sound_ms for turn in turns_of(record.finish(at(9)))] == [750]
    assert [turn.first_sound_ms for turn in record.turns()] == [750]
