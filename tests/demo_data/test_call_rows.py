"""The calls of the demo data: their endings, turns, times and bills."""

from datetime import timedelta

import pytest

from backend.conversations.lifecycle import LEASE
from backend.demo_data.call_rows import IDLE_S, TIME_LIMIT_S, add_call
from backend.demo_data.draft import SessionRows
from backend.demo_data.proportions import ENDINGS, IN_MID_ANSWER, NEVER_READY
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from tests.demo_data.equipment import NOW, new_draft


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_call_ends_in_this_way_after_all_of_its_turns_began(ending: Ending) -> None:
    draft = new_draft()
    call = add_call(draft, ending)
    assert call.ending == ending
    assert call.started_at == NOW
    assert call.ended_at is not None
    assert call.ended_at >= call.started_at
    assert call.lease_until - call.ended_at <= LEASE
    started = [turn.started_at for turn in draft.rows.turns if turn.started_at is not None]
    assert started == sorted(started)
    assert all(call.started_at < each < call.ended_at for each in started)
    assert bool(started) == (ending not in NEVER_READY)


@pytest.mark.parametrize("ending", sorted(IN_MID_ANSWER))
def test_a_lost_call_cuts_its_last_answer_off_and_the_bill_is_estimated(ending: Ending) -> None:
    draft = new_draft()
    add_call(draft, ending)
    assert draft.rows.turns[-1].role == Role.ASSISTANT
    assert draft.rows.turns[-1].status == TurnStatus.INTERRUPTED
    assert [usage.is_estimated for usage in draft.rows.usages].count(True) == 1


def test_an_idle_call_and_one_at_the_time_limit_last_as_long() -> None:
    draft = new_draft()
    idle = add_call(draft, Ending.IDLE)
    limited = add_call(draft, Ending.TIME_LIMIT)
    assert idle.ended_at is not None
    assert limited.ended_at is not None
    assert idle.ended_at - idle.started_at > timedelta(seconds=IDLE_S)
    assert limited.ended_at - limited.started_at >= timedelta(seconds=TIME_LIMIT_S)


@pytest.fixture(scope="module")
def many_calls() -> SessionRows:
    draft = new_draft()
    for _ in range(30):
        add_call(draft, Ending.CLIENT_LEFT)
    return draft.rows


def test_an_interrupted_answer_has_the_beginning_that_was_heard(many_calls: SessionRows) -> None:
    turns = many_calls.turns
    interrupted = [turn for turn in turns if turn.status == TurnStatus.INTERRUPTED]
    assert len(interrupted) > 10
    for turn in interrupted:
        assert turn.heard_text is not None
        assert turn.text.startswith(turn.heard_text)
        assert len(turn.heard_text) < len(turn.text)
        assert turn.heard_ms is not None
    heard_out = [turn for turn in turns if turn.status != TurnStatus.INTERRUPTED]
    assert {(turn.heard_text, turn.heard_ms) for turn in heard_out} == {(None, None)}


def test_a_failed_transcription_has_no_words_and_no_bill(many_calls: SessionRows) -> None:
    failed = [turn for turn in many_calls.turns if turn.status == TurnStatus.FAILED]
    assert failed
    assert {turn.text for turn in failed} == {""}
    billed = {usage.source_id for usage in many_calls.usages if usage.kind == "transcription"}
    spoken = {
        turn.item_id
        for turn in many_calls.turns
        if turn.role == Role.USER and turn.modality == Modality.VOICE
    }
    assert billed == spoken - {turn.item_id for turn in failed}


def test_only_spoken_answers_have_a_first_sound_of_about_600_ms(many_calls: SessionRows) -> None:
    turns = many_calls.turns
    waits = sorted(turn.first_sound_ms for turn in turns if turn.first_sound_ms is not None)
    assert len(waits) == sum(turn.role == Role.ASSISTANT for turn in turns)
    assert 500 < waits[len(waits) // 2] < 700
    assert waits[0] > 100
