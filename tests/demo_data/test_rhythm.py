"""When the sessions of the demo data begin."""

from datetime import timedelta
from random import Random

import pytest

from backend.demo_data.rhythm import (
    DAYS,
    back_into_the_past,
    pause_between_visits,
    session_start,
)
from tests.demo_data.equipment import NOW


def test_sessions_begin_in_the_last_90_days_mostly_on_working_days_by_day() -> None:
    dice = Random(1)
    starts = [session_start(dice, NOW, 9) + timedelta(hours=9) for _ in range(500)]
    local_now = NOW + timedelta(hours=9)
    earliest = local_now - timedelta(days=DAYS)
    assert all(earliest < start < local_now + timedelta(days=1) for start in starts)
    assert max(starts) - min(starts) > timedelta(days=80)
    assert sum(start.weekday() < 5 for start in starts) > 400
    assert sum(8 <= start.hour < 18 for start in starts) > 350
    assert any(start.weekday() >= 5 for start in starts)


@pytest.mark.parametrize(
    ("end_in", "weeks"),
    [
        (timedelta(), 0),
        (timedelta(days=-20), 0),
        (timedelta(seconds=1), 1),
        (timedelta(days=7), 1),
        (timedelta(days=8), 2),
    ],
)
def test_a_session_is_moved_back_by_the_fewest_weeks(end_in: timedelta, weeks: int) -> None:
    assert back_into_the_past(NOW + end_in, NOW) == timedelta(weeks=weeks)


def test_a_pause_is_never_negative() -> None:
    dice = Random(1)
    assert min(pause_between_visits(dice) for _ in range(300)) > timedelta()
