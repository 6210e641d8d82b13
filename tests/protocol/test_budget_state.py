"""The state of a budget: level, rest, and when it starts again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backend.protocol.budget_state import (
    BudgetLevel,
    BudgetState,
    last_to_reset,
    seconds_until_reset,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC)


def state(used: str, limit: str = "10", resets_at: datetime | None = MIDNIGHT) -> BudgetState:
    return BudgetState("minutes", Decimal(limit), Decimal(used), resets_at)


@pytest.mark.parametrize(
    ("used", "level", "left"),
    [
        ("0", BudgetLevel.OK, "10"),
        ("7.99", BudgetLevel.OK, "2.01"),
        ("8", BudgetLevel.WARNING, "2"),
        ("9.99", BudgetLevel.WARNING, "0.01"),
        ("10", BudgetLevel.SPENT, "0"),
        ("11", BudgetLevel.SPENT, "0"),
    ],
)
def test_the_level_follows_the_used_part(used: str, level: BudgetLevel, left: str) -> None:
    assert (state(used).level, state(used).left) == (level, Decimal(left))


def test_a_limit_of_zero_is_spent_from_the_start() -> None:
    assert state("0", "0").is_spent
    assert state("0", "0").used_part == 1


def test_of_several_budgets_the_one_that_resets_last_counts() -> None:
    never = state("1", "0", None)
    later = state("1", resets_at=MIDNIGHT + timedelta(days=2))
    assert last_to_reset([]) is None
    assert last_to_reset([state("1"), later]) is later
    assert last_to_reset([state("1"), never, later]) is never


def test_the_time_to_wait_is_a_second_at_least_and_none_if_nothing_resets() -> None:
    assert seconds_until_reset(state("1"), NOON) == 12 * 3600
    assert seconds_until_reset(state("1"), MIDNIGHT + timedelta(seconds=5)) == 1
    assert seconds_until_reset(state("1", "0", None), NOON) is None
