"""A call's figures are copied once it has ended, corrected, and kept when it is deleted."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Call, Session
from backend.reports.call_figures import collect
from backend.reports.histogram import Histogram
from backend.reports.models import CallFigures
from tests.conversations.equipment import kept_turn, new_call, new_session
from tests.reports.equipment import TODAY, add_turns, ended_call

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DAY = date(2026, 11, 20)


def collected() -> set[date]:
    return collect(Call.objects.all())


def test_an_ended_call_is_copied(owner: User) -> None:
    call = ended_call(owner, minutes=2.5, first_sounds_ms=(500, 700), ending="idle")
    add_turns(call, None)
    assert collected() == {DAY}
    figures = CallFigures.objects.get(pk=call.pk)
    assert (figures.day, figures.user_id, figures.model) == (DAY, owner.pk, "gpt-realtime")
    assert (figures.call_ms, figures.turns, figures.ending) == (150_000, 3, "idle")
    assert figures.first_sound == Histogram.of([500, 700]).as_json()


def test_a_call_that_runs_is_not(owner: User) -> None:
    new_call(new_session(owner))
    assert collected() == set()
    assert not CallFigures.objects.exists()


def test_turns_of_typed_messages_are_no_calls(owner: User) -> None:
    kept_turn(new_session(owner))
    assert collected() == set()


def test_a_call_over_midnight_counts_on_the_day_it_began(owner: User) -> None:
    ended_call(owner, TODAY.replace(hour=23, minute=59), minutes=30)
    assert collected() == {DAY}


def test_a_second_time_nothing_is_written(owner: User, django_assert_num_queries: Any) -> None:
    ended_call(owner, first_sounds_ms=(500,))
    assert collected() == {DAY}
    with django_assert_num_queries(5):
        assert collected() == set()


def test_a_late_turn_corrects_the_copy(owner: User) -> None:
    call = ended_call(owner)
    collected()
    add_turns(call, 800)
    assert collected() == {DAY}
    assert CallFigures.objects.get().turns == 1


def test_a_call_that_moves_to_another_day_changes_both(owner: User) -> None:
    call = ended_call(owner)
    collected()
    Call.objects.filter(pk=call.pk).update(started_at=TODAY - timedelta(days=1))
    assert collected() == {DAY, DAY - timedelta(days=1)}


def test_the_copy_stays_when_the_session_is_deleted(owner: User) -> None:
    ended_call(owner)
    collected()
    Session.objects.get().delete()
    assert collected() == set()
    assert CallFigures.objects.get().user_id == owner.pk


def test_the_copy_loses_the_name_when_the_user_is_deleted(owner: User) -> None:
    ended_call(owner)
    collected()
    owner.delete()
    assert CallFigures.objects.get().user_id is None


def test_many_calls_are_copied_in_chunks(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.reports.call_figures.CHUNK", 2)
    session = new_session(owner)
    for _ in range(5):
        ended_call(owner, session=session)
    assert collected() == {DAY}
    assert CallFigures.objects.count() == 5
