"""The conversation of a terminal: frames, sound, interruptions, final turns."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.cli.conversation import (
    ANSWER_SILENCE_S,
    TRANSCRIPT_TIMEOUT_S,
    Conversation,
    append_event,
)
from backend.cli.effects import (
    Answered,
    Cut,
    CutSound,
    Effect,
    EndSound,
    Finished,
    Notice,
    PartKey,
    Play,
    Send,
)
from backend.protocol.transcript.turns import TurnStatus
from tests.cli import realtime_events as events

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ANSWER = PartKey("answer", 0)
MS_100 = b"\1\0" * 2400


def conversation(*, has_speaker: bool = True, is_open: bool = True) -> Conversation:
    numbers = itertools.count(1)
    made = Conversation(lambda: f"id_{next(numbers)}", has_speaker=has_speaker)
    if is_open:
        made.opened()
    return made


def feed(
    made: Conversation, *given: dict[str, Any] | list[dict[str, Any]], at: datetime = AT
) -> list[Effect]:
    """Receive these events. Returns all effects."""
    flat = [e for each in given for e in (each if isinstance(each, list) else [each])]
    return [effect for event in flat for effect in made.receive(event, at)]


def sent(effects: Sequence[Effect]) -> list[str]:
    return [effect.event["type"] for effect in effects if isinstance(effect, Send)]


def finished(effects: Sequence[Effect]) -> list[tuple[str, str]]:
    return [(e.turn.role, e.turn.text) for e in effects if isinstance(e, Finished)]


def notices(effects: Sequence[Effect]) -> list[str]:
    return [effect.code for effect in effects if isinstance(effect, Notice)]


def state_of(made: Conversation) -> str:
    """The state, which mypy does not take for unchanged."""
    return made.state


def an_answer_that_sounds(made: Conversation) -> None:
    feed(
        made,
        events.speech("question", "How many?"),
        events.response_created(),
        events.words("answer", "There are four of us.", "question"),
        events.sound("answer", MS_100 * 10),
    )


def test_a_spoken_exchange_is_played_and_reported_in_order() -> None:
    made = conversation()
    effects = feed(made, events.speech("question"))
    assert state_of(made) == "thinking" and made.has_heard_speech
    effects += feed(
        made,
        events.response_created(),
        events.words("answer", "Four.", "question"),
        events.sound("answer", MS_100),
    )
    assert Play(ANSWER, MS_100) in effects
    assert state_of(made) == "speaking"
    effects += feed(made, events.item_done("answer", "Four."))
    ended = feed(made, events.response_done(usage={"input_tokens": 7, "output_tokens": 2}))
    assert EndSound(ANSWER) in ended
    answered = [effect for effect in ended if isinstance(effect, Answered)]
    assert answered[0].usage is not None and answered[0].usage.text_in == 7
    # Neither before its sound is over, nor before the user's words.
    assert finished(effects + ended + made.sound_over(ANSWER)) == []
    assert not made.is_settled
    last = feed(made, events.transcript("question", "How many?"))
    assert finished(last) == [("user", "How many?"), ("assistant", "Four.")]
    assert made.is_settled and made.state == "listening" and made.captions() == []


def test_an_answer_that_has_not_ended_is_a_caption() -> None:
    made = conversation()
    an_answer_that_sounds(made)
    assert [turn.text for turn in made.captions()] == ["There are four of us."]


def test_speech_interrupts_and_the_server_learns_what_was_heard() -> None:
    made = conversation()
    an_answer_that_sounds(made)
    assert CutSound() in feed(made, {"type": "input_audio_buffer.speech_started"})
    assert made.state == "hearing_you"
    frames = made.cut([Cut(ANSWER, 400, was_all_heard=False)])
    assert isinstance(frames[0], Send)
    assert frames[0].event == {
        "type": "conversation.item.truncate",
        "event_id": frames[0].event["event_id"],
        "item_id": "answer",
        "content_index": 0,
        "audio_end_ms": 400,
    }
    # Sound that is under way is not played any more.
    assert not any(isinstance(e, Play) for e in feed(made, events.sound("answer", MS_100)))
    truncated = {"item_id": "answer", "content_index": 0, "audio_end_ms": 400}
    effects = feed(
        made,
        events.response_done(status="cancelled"),
        {"type": "conversation.item.truncated", **truncated},
    )
    turns = [effect.turn for effect in effects if isinstance(effect, Finished)]
    assert [turn.status for turn in turns] == [TurnStatus.INTERRUPTED]
    assert turns[0].heard_ms == 400 and turns[0].heard_text is not None
    assert turns[0].text.startswith(turns[0].heard_text) and turns[0].heard_text != turns[0].text


def test_sound_that_was_heard_whole_is_not_truncated() -> None:
    made = conversation()
    an_answer_that_sounds(made)
    assert sent(made.cut([Cut(ANSWER, 1000, was_all_heard=True)])) == []


def test_a_typed_message_requests_an_answer() -> None:
    made = conversation()
    effects = made.type("Hello")
    assert sent(effects) == ["conversation.item.create", "response.create"]
    assert made.is_answer_due and not made.is_settled


@pytest.mark.parametrize(("has_speaker", "modality"), [(True, "audio"), (False, "text")])
def test_without_a_loudspeaker_a_text_is_requested(has_speaker: bool, modality: str) -> None:
    effects = conversation(has_speaker=has_speaker).type("Hello")
    request = effects[-1]
    assert isinstance(request, Send)
    assert request.event["response"] == {"output_modalities": [modality]}


def test_without_a_loudspeaker_nothing_is_played_and_nothing_waits_for_it() -> None:
    made = conversation(has_speaker=False)
    an_answer_that_sounds(made)
    effects = feed(made, events.item_done("answer", "Four."), events.response_done())
    assert finished(effects) == [("assistant", "Four.")]
    assert not any(isinstance(effect, Play | EndSound) for effect in effects)


def test_a_message_typed_before_the_call_is_open_is_sent_then() -> None:
    made = conversation(is_open=False)
    assert sent(made.type("Hello")) == []
    assert made.state == "connecting"
    assert sent(made.opened()) == ["conversation.item.create", "response.create"]


def test_a_message_typed_during_an_answer_interrupts_it_and_is_answered_after_its_end() -> None:
    made = conversation()
    an_answer_that_sounds(made)
    effects = made.type("Stop")
    assert CutSound() in effects
    assert sent(effects) == ["conversation.item.create", "response.cancel"]
    assert sent(feed(made, events.response_done(status="cancelled"))) == ["response.create"]


def test_a_message_typed_during_a_request_cancels_its_response_as_soon_as_it_exists() -> None:
    made = conversation()
    made.type("One")
    assert sent(made.type("Two")) == ["conversation.item.create"]
    assert sent(feed(made, events.response_created())) == ["response.cancel"]
    assert sent(feed(made, events.response_done(status="cancelled"))) == ["response.create"]


def test_a_message_typed_during_speech_is_covered_by_the_answer_to_it() -> None:
    made = conversation()
    feed(made, events.speech("question")[:1])
    assert sent(made.type("And this")) == ["conversation.item.create"]
    assert sent(feed(made, events.speech("question")[1:])) == []


def test_speech_that_is_dropped_leaves_the_typed_message_to_be_answered() -> None:
    made = conversation()
    feed(made, events.speech("question")[:1])
    made.type("And this")
    assert sent(feed(made, {"type": "input_audio_buffer.cleared"})) == ["response.create"]


def test_a_request_that_met_another_response_is_repeated_after_it() -> None:
    made = conversation()
    request = made.type("Hello")[-1]
    assert isinstance(request, Send)
    code = "conversation_already_has_active_response"
    error = {"code": code, "event_id": request.event["event_id"]}
    effects = feed(made, {"type": "error", "error": error})
    assert notices(effects) == []
    assert sent(feed(made, events.response_done("other"))) == ["response.create"]


def test_a_refused_frame_and_a_failed_answer_are_told() -> None:
    made = conversation()
    told = feed(
        made,
        {"type": "relay.error", "code": "frame_too_large", "message": "Too large."},
        {"type": "error", "error": {"code": "invalid_value"}},
        events.response_created(),
        events.response_done(status="failed"),
        {"type": "relay.budget", "level": "warning"},
        {"type": "relay.budget", "level": "ok"},
    )
    assert notices(told) == ["frame_too_large", "answer_failed", "budget_warning"]


def test_a_lost_connection_keeps_what_was_heard_and_sends_the_message_again() -> None:
    made = conversation()
    an_answer_that_sounds(made)
    made.type("Still there?")
    assert CutSound() in made.lost()
    assert made.state == "reconnecting"
    # The cut comes while nothing can be sent: the turn is truncated here.
    effects = made.cut([Cut(ANSWER, 300, was_all_heard=False)])
    assert sent(effects) == []
    again = made.opened()
    assert sent(again) == ["conversation.item.create", "response.create"]
    turns = [e.turn for e in [*effects, *again] if isinstance(e, Finished)]
    assert [(turn.status, turn.heard_ms) for turn in turns] == [(TurnStatus.INTERRUPTED, 300)]
    # The next connection's turns stand behind those of the earlier one.
    assert finished(feed(made, events.item_done("later", "Yes."))) == [("assistant", "Yes.")]


def test_a_message_that_the_server_has_confirmed_is_not_sent_again() -> None:
    made = conversation()
    item = made.type("Hello")[1]
    assert isinstance(item, Send)
    feed(made, events.item_done(item.event["item"]["id"], "Hello", role="user"))
    feed(made, events.text_answer("answer", "Hi."))
    made.lost()
    assert sent(made.opened()) == []


def test_after_a_loss_at_the_provider_the_unanswered_message_is_sent_again() -> None:
    made = conversation()
    made.type("Hello")
    assert CutSound() in feed(made, {"type": "relay.rotating", "reason": "provider_lost"})
    renewed = {"type": "relay.rotated", "reason": "provider_lost", "result": "renewed"}
    assert sent(feed(made, renewed)) == ["conversation.item.create", "response.create"]
    assert sent(feed(made, {"type": "relay.rotated", "reason": "cap", "result": "kept"})) == []


def test_half_a_sample_belongs_to_the_next_delta_and_a_repetition_counts_once() -> None:
    made = conversation()
    effects = feed(
        made,
        events.response_created(),
        events.sound("answer", b"\1\0\2", event_id="e1"),
        events.sound("answer", b"\1\0\2", event_id="e1"),
        events.sound("answer", b"\0", event_id="e2"),
        {**events.sound("answer", b""), "delta": "no base64!"},
        {**events.sound("answer", b""), "delta": None},
    )
    assert b"".join(e.pcm for e in effects if isinstance(e, Play)) == b"\1\0\2\0"


def test_a_transcript_that_does_not_come_is_given_up() -> None:
    made = conversation()
    feed(made, events.speech("question"), events.text_answer("answer", "Four."))
    assert finished(made.tick(AT + timedelta(seconds=1))) == []
    late = made.tick(AT + timedelta(seconds=TRANSCRIPT_TIMEOUT_S + 1))
    assert finished(late) == [("user", ""), ("assistant", "Four.")]
    assert made.is_settled


def test_an_answer_that_stops_is_given_up() -> None:
    made = conversation()
    feed(made, events.response_created())
    assert made.tick(AT + timedelta(seconds=ANSWER_SILENCE_S)) == []
    effects = made.tick(AT + timedelta(seconds=ANSWER_SILENCE_S + 1))
    assert notices(effects) == ["no_answer"] and sent(effects) == ["response.cancel"]
    assert made.is_settled


def test_the_answer_to_speech_that_is_never_created_is_given_up() -> None:
    made = conversation()
    feed(made, events.speech("question", "How many?"))
    effects = made.tick(AT + timedelta(seconds=ANSWER_SILENCE_S + 1))
    assert notices(effects) == ["no_answer"]
    assert made.is_settled


def test_the_end_reports_what_was_not_final() -> None:
    made = conversation()
    an_answer_that_sounds(made)
    made.cut([Cut(ANSWER, 250, was_all_heard=False)])
    turns = [effect.turn for effect in made.finish(AT) if isinstance(effect, Finished)]
    assert [(turn.status, turn.heard_ms) for turn in turns] == [(TurnStatus.INTERRUPTED, 250)]
    assert made.finish(AT) == []


def test_unknown_and_malformed_events_are_ignored() -> None:
    made = conversation()
    odd: list[dict[str, Any]] = [{}, {"type": 5}, {"type": "new.event"}, {"type": "response.done"}]
    odd += [{"type": "response.output_audio.delta"}, {"type": "error", "error": None}]
    effects = feed(made, *odd)
    assert not any(isinstance(effect, Play | Send | Finished) for effect in effects)


def test_the_microphones_sound_is_an_append() -> None:
    assert append_event(b"\1\0") == {"type": "input_audio_buffer.append", "audio": "AQA="}
