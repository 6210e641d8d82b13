"""The sessions of the demo data: blocks, times, titles, and the same rows for the same seed."""

from collections import Counter
from datetime import timedelta

import pytest

from backend.conversations.lifecycle import POSITIONS_PER_BLOCK
from backend.conversations.models import Session
from backend.demo_data.draft import SessionRows
from backend.demo_data.rhythm import DAYS
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Modality
from tests.demo_data.equipment import NOW, new_sessions


@pytest.fixture(scope="module")
def sessions() -> list[SessionRows]:
    return new_sessions(60)


def test_sessions_are_spoken_typed_or_empty_in_both_languages(sessions: list[SessionRows]) -> None:
    kinds = Counter(
        (each.session.language, each.session.realtime_mode, bool(each.replies)) for each in sessions
    )
    assert {(language, mode) for language, mode, _ in kinds} == {
        ("en", True), ("en", False), ("ja", True), ("ja", False),
    }  # fmt: skip
    assert any(each.session.realtime_mode and each.replies for each in sessions)
    assert any(not each.turns and not each.session.title for each in sessions)
    for rows in sessions:
        assert rows.session.realtime_mode == any(
            turn.modality == Modality.VOICE for turn in rows.turns
        )
        assert len(rows.calls) <= 4


def test_each_block_lies_after_those_before_it(sessions: list[SessionRows]) -> None:
    for rows in sessions:
        starts = [call.first_position for call in rows.calls]
        starts += [reply.first_position for reply in rows.replies]
        assert sorted(starts) == [each * POSITIONS_PER_BLOCK for each in range(len(starts))]
        assert rows.session.next_position == len(starts) * POSITIONS_PER_BLOCK
        positions = [turn.position for turn in rows.turns]
        assert len(set(positions)) == len(positions)
        assert positions == sorted(positions)
        for turn in rows.turns:
            if turn.call is not None:
                assert 0 <= turn.position - turn.call.first_position < POSITIONS_PER_BLOCK


def test_times_are_in_order_and_not_in_the_future(sessions: list[SessionRows]) -> None:
    for rows in sessions:
        session = rows.session
        assert NOW - timedelta(days=DAYS + 60) < session.created_at <= session.updated_at <= NOW
        assert session.closed_at is None or session.updated_at < session.closed_at <= NOW
        for before, after in zip(rows.calls, rows.calls[1:], strict=False):
            assert before.ended_at is not None
            assert before.ended_at < after.started_at
        for usage in rows.usages:
            assert session.created_at < usage.created_at <= session.updated_at


def test_after_a_lost_call_the_page_connects_again_at_once(sessions: list[SessionRows]) -> None:
    gaps = [
        after.started_at - before.ended_at
        for rows in sessions
        for before, after in zip(rows.calls, rows.calls[1:], strict=False)
        if before.ended_at
        and Ending(before.ending).is_retryable
        and after.first_position - before.first_position == POSITIONS_PER_BLOCK
    ]
    assert gaps
    assert max(gaps) < timedelta(minutes=1)


def test_some_sessions_are_closed_hidden_or_titled_by_a_person_or_the_model(
    sessions: list[SessionRows],
) -> None:
    assert any(each.session.closed_at for each in sessions)
    hidden = [each.session.deleted_at for each in sessions if each.session.deleted_at]
    assert hidden
    # The job deletes for good after an hour.
    assert all(NOW - timedelta(minutes=10) <= moment <= NOW for moment in hidden)
    titled = {each.session.title_source for each in sessions if each.session.title}
    source = Session.TitleSource
    assert titled == {source.WORDS, source.MODEL, source.USER}


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(
    sessions: list[SessionRows],
) -> None:
    again, other = new_sessions(4), new_sessions(4, seed=2)
    values = [[_values(row) for row in rows.all()] for rows in sessions[:4]]
    assert [[_values(row) for row in rows.all()] for rows in again] == values
    assert [[_values(row) for row in rows.all()] for rows in other] != values


def _values(row: object) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if name != "_state"}
