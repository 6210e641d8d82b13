"""A day is one of the settings' time zone, also where its clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from backend.reports.days import bounds_of, day_of


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 29), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Tokyo", date(2026, 10, 25), 24),
    ],
)
def test_a_day_begins_and_ends_at_midnight(
    settings: Settings, zone: str, day: date, hours: int
) -> None:
    settings.TIME_ZONE = zone
    start, end = bounds_of(day)
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=hours)
    assert day_of(start) == day_of(end - timedelta(microseconds=1)) == day
    assert day_of(end) == day + timedelta(days=1)


def test_in_tokyo_the_day_begins_at_15_utc(settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    assert day_of(datetime(2026, 11, 20, 15, tzinfo=UTC)) == date(2026, 11, 21)
    assert day_of(datetime(2026, 11, 20, 14, 59, tzinfo=UTC)) == date(2026, 11, 20)
