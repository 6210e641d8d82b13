"""The pure decisions: the tightest limits, months and days, and what may begin."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from backend.protocol.budget_state import BudgetState
from backend.spending.budgets import (
    Allowed,
    Counted,
    Grant,
    Limit,
    Limits,
    Refused,
    admission,
    day_of,
    month_of,
    states_of,
    tightest,
)

TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC)


def test_the_tightest_limit_of_each_kind_counts() -> None:
    limits = tightest(
        [
            Grant("default", Decimal(20), None, 3, 60),
            Grant("everybody", Decimal("10.50"), 30, None, 60),
            Grant("group", Decimal(50), 60, 1),
            Grant("user", None, 0),
        ]
    )
    assert limits.by_kind == {
        "money": Limit(Decimal("10.50"), "everybody"),
        "minutes": Limit(Decimal(0), "user"),
        "calls_at_once": Limit(Decimal(1), "group"),
        "calls_per_hour": Limit(Decimal(60), "default"),
    }
    assert limits.count("calls_at_once") == 1


def test_without_a_limit_nothing_is_limited() -> None:
    assert not tightest([Grant("default"), Grant("user")])
    assert states_of(Limits(), Counted(usd=Decimal(99)), NOON, UTC) == []


@pytest.mark.parametrize(
    ("now", "zone", "start", "end"),
    [
        ("2026-11-28T12:00+00:00", UTC, "2026-11-01T00:00+00:00", "2026-12-01T00:00+00:00"),
        ("2026-12-31T23:59+00:00", UTC, "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("2027-01-31T12:00+00:00", UTC, "2027-01-01T00:00+00:00", "2027-02-01T00:00+00:00"),
        ("2028-02-29T12:00+00:00", UTC, "2028-02-01T00:00+00:00", "2028-03-01T00:00+00:00"),
        # In Tokyo it is December already.
        ("2026-11-30T15:00+00:00", TOKYO, "2026-12-01T00:00+09:00", "2027-01-01T00:00+09:00"),
    ],
)
def test_a_month_is_that_of_the_time_zone(now: str, zone: ZoneInfo, start: str, end: str) -> None:
    month = month_of(datetime.fromisoformat(now), zone)
    assert (month.start, month.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_a_day_has_25_hours_where_the_clocks_go_back() -> None:
    day = day_of(datetime(2026, 11, 1, 12, tzinfo=UTC), NEW_YORK)
    assert (day.start.isoformat(), day.end.isoformat()) == (
        "2026-11-01T00:00:00-04:00",
        "2026-11-02T00:00:00-05:00",
    )
    assert day.end.astimezone(UTC) - day.start.astimezone(UTC) == timedelta(hours=25)


def limits(usd: str | None = None, minutes: int | None = None) -> Limits:
    return tightest([Grant("user", None if usd is None else Decimal(usd), minutes)])


def test_a_month_that_changes_during_a_call_starts_the_budget_again() -> None:
    (before,) = states_of(limits("1"), Counted(usd=Decimal(1)), NOON, UTC)
    assert (before.is_spent, before.resets_at) == (True, DECEMBER)
    (after,) = states_of(limits("1"), Counted(), DECEMBER, UTC)
    assert (after.is_spent, after.resets_at) == (False, datetime(2027, 1, 1, tzinfo=UTC))


def states(
    usd: str = "0", minutes: str = "0", reserved_usd: str = "0", reserved_minutes: str = "0"
) -> list[BudgetState]:
    counted = Counted(
        usd=Decimal(usd),
        minutes=Decimal(minutes),
        reserved_usd=Decimal(reserved_usd),
        reserved_minutes=Decimal(reserved_minutes),
    )
    return states_of(limits("1", 3), counted, NOON, UTC)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (states(), Allowed()),
        (states("0.9999", "2.99"), Allowed()),
        # The last cent may be used, by one at a time.
        (states("0.95", reserved_usd="0.04"), Allowed()),
        (states("0.95", reserved_usd="0.05"), Refused("money", is_only_reserved=True)),
        (states(minutes="1", reserved_minutes="2"), Refused("minutes", is_only_reserved=True)),
        (states("1"), Refused("money", False, 2.5 * 86400, DECEMBER)),
        (states(minutes="3"), Refused("minutes", False, 12 * 3600, MIDNIGHT)),
        # The month ends later than the day: until then nothing is allowed.
        (states("1.01", "3"), Refused("money", False, 2.5 * 86400, DECEMBER)),
    ],
)
def test_admission(given: list[BudgetState], verdict: Allowed | Refused) -> None:
    assert admission(given, NOON) == verdict


def test_a_limit_of_zero_is_refused_without_a_time() -> None:
    spent = states_of(limits("0", 3), Counted(), NOON, UTC)
    assert admission(spent, NOON) == Refused("money")


def test_after_a_clock_that_steps_back_the_wait_is_longer_and_nothing_is_forgotten() -> None:
    spent = states("1")
    stepped_back = admission(spent, NOON - timedelta(hours=1))
    assert stepped_back == Refused("money", False, 2.5 * 86400 + 3600, DECEMBER)
