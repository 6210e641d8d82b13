"""The job is in the servers' schedule, runs in a worker, and ends within its time."""

import time
from collections.abc import Callable

import pytest

from backend.conversations.jobs import ABANDONED_AFTER, SCHEDULE
from backend.reports.jobs import BUDGET_S, ROLL_UP_EVERY, roll_up_days
from backend.reports.models import RollUpProgress


def test_servers_enqueue_it() -> None:
    assert SCHEDULE[roll_up_days.name] == (roll_up_days, ROLL_UP_EVERY)
    assert ABANDONED_AFTER.total_seconds() / 2 > BUDGET_S


@pytest.mark.django_db
def test_it_stops_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    roll_up_days.call()
    assert RollUpProgress.objects.count() == 1
    asked: list[Callable[[], bool]] = []
    monkeypatch.setattr("backend.reports.jobs.roll_up", asked.append)
    roll_up_days.call()
    (is_out_of_time,) = asked
    assert not is_out_of_time()
    later = time.monotonic() + BUDGET_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert is_out_of_time()
