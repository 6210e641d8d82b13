"""Which days a run computes: the changed ones, those of late rows, and older ones in batches."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Call, Session
from backend.reports.models import CallFigures, DailyFigures, RollUpProgress
from backend.reports.roll_up import RolledUp, roll_up
from tests.conversations.equipment import new_session
from tests.reports.equipment import TODAY, YESTERDAY, add_turns, ended_call, paid

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("clock")]


def run(*, is_out_of_time: bool = False) -> RolledUp:
    return roll_up(lambda: is_out_of_time)


def calls_by_age() -> dict[int, int]:
    """The calls of each stored day, by the day's age in days."""
    return {
        (TODAY.date() - day).days: calls
        for day, calls in DailyFigures.objects.values_list("day", "calls")
    }


def ago(days: int) -> datetime:
    return TODAY - timedelta(days=days)


def test_nothing_yet(db: None) -> None:
    assert run() == RolledUp(days=2, days_left=0)
    assert calls_by_age() == {}
    assert RollUpProgress.objects.get().backfill_day is None


def test_the_first_run_computes_all_days(owner: User) -> None:
    for days in (0, 1, 5, 9):
        ended_call(owner, ago(days))
    assert run() == RolledUp(days=2 + 8, days_left=0)
    assert calls_by_age() == {0: 1, 1: 1, 5: 1, 9: 1}


def test_a_run_out_of_time_goes_on_next_time_with_older_days(owner: User) -> None:
    for days in (2, 3, 4):
        ended_call(owner, ago(days))
    assert run(is_out_of_time=True) == RolledUp(days=3, days_left=2)
    assert calls_by_age() == {2: 1}
    assert run(is_out_of_time=True) == RolledUp(days=3, days_left=1)
    assert run(is_out_of_time=True) == RolledUp(days=3, days_left=0)
    assert calls_by_age() == {2: 1, 3: 1, 4: 1}
    assert run() == RolledUp(days=2, days_left=0)


def test_days_are_those_of_costs_too(owner: User) -> None:
    paid(new_session(owner), ago(4))
    run()
    assert calls_by_age() == {4: 0}


def test_what_happens_between_two_runs_is_added(owner: User) -> None:
    call = ended_call(owner)
    run()
    add_turns(call, 500)
    ended_call(owner)
    run()
    row = DailyFigures.objects.get()
    assert (row.calls, row.turns) == (2, 1)


def test_a_call_that_began_days_ago_counts_there_once_it_ends(owner: User) -> None:
    call = ended_call(owner, ago(3))
    Call.objects.filter(pk=call.pk).update(ended_at=None, ending="")
    run()
    assert calls_by_age() == {}
    Call.objects.filter(pk=call.pk).update(ended_at=TODAY, ending="idle")
    run()
    assert calls_by_age() == {3: 1}


def test_late_turns_and_costs_correct_their_day(owner: User) -> None:
    call = ended_call(owner, ago(6))
    run()
    add_turns(call, 700)
    paid(call.session, ago(8), text_in=5)
    assert run() == RolledUp(days=4, days_left=0)
    rows = dict(DailyFigures.objects.values_list("day", "turns"))
    assert rows == {ago(6).date(): 1, ago(8).date(): 0}


def test_late_rows_are_looked_through_in_batches(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.reports.roll_up.LATE_ROWS", 2)
    monkeypatch.setattr("backend.reports.roll_up.OVERLAP", 0)
    first, second = ended_call(owner, ago(6)), ended_call(owner, ago(7))
    run()
    add_turns(first, 1, 2)
    add_turns(second, 3)
    assert run().days == 3
    assert run().days == 3
    assert run().days == 2
    assert sorted(CallFigures.objects.values_list("turns", flat=True)) == [1, 2]


def test_a_clock_that_steps_back_changes_nothing(owner: User, clock: list[datetime]) -> None:
    ended_call(owner)
    ended_call(owner, YESTERDAY)
    run()
    clock[0] = ago(5)
    run()
    assert calls_by_age() == {0: 1, 1: 1}


def test_deleted_sessions_stay_counted(owner: User) -> None:
    for days in (0, 1, 2):
        ended_call(owner, ago(days))
    run()
    for session in list(Session.objects.all()):
        session.delete()
    run()
    assert calls_by_age() == {0: 1, 1: 1, 2: 1}


def test_an_idle_run_takes_few_queries(owner: User, django_assert_max_num_queries: Any) -> None:
    for days in (0, 1):
        for _ in range(5):
            paid(ended_call(owner, ago(days), first_sounds_ms=(5, 6)).session, ago(days))
    run()
    with django_assert_max_num_queries(40) as queries:
        run()
    changes = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "DELETE", "UPDATE"))]
    assert len(changes) == 1 and "rollupprogress" in changes[0]
