"""What a user has left of each limit."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from backend.conversations.models import Call
from backend.spending.budgets import month_of
from backend.spending.budgets_left import BudgetLeft, left_by_user
from backend.spending.models import Budget
from tests.conversations.equipment import kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> Settings:
    """The limits of calls in the settings, and no other."""
    settings.MAX_CALLS_PER_USER, settings.CALLS_PER_HOUR = 3, 2
    settings.BUDGET_USD_PER_MONTH, settings.BUDGET_MINUTES_PER_DAY = Decimal(0), 0
    return settings


def left(user: User, now: datetime) -> list[BudgetLeft]:
    return left_by_user([user.pk], now)[user.pk]


def test_each_limit_has_a_row_with_what_is_left(owner: User) -> None:
    Budget.objects.create(scope="user", user=owner, usd_per_month=1, minutes_per_day=10)
    kept_usage(new_session(owner), "resp_1", "gpt-realtime", audio_out=10_000)
    new_call(new_session(owner))
    now = timezone.now()
    money, minutes, at_once, per_hour = left(owner, now)
    assert money == {
        "kind": "money", "limit": 1, "used": Decimal("0.64"), "reserved": money["reserved"],
        "left": Decimal("0.36"), "scope": "user",
        "resets_at": month_of(now, timezone.get_default_timezone()).end,
    }  # fmt: skip
    assert Decimal("0.09") < money["reserved"] < Decimal("0.12")
    assert minutes["kind"] == "minutes"
    assert minutes["limit"] == 10
    assert minutes["reserved"] == 1
    assert 0 <= minutes["used"] < 1
    assert at_once == {
        "kind": "calls_at_once", "limit": 3, "used": 1, "reserved": 0, "left": 2,
        "resets_at": None, "scope": "default",
    }  # fmt: skip
    assert per_hour == {
        "kind": "calls_per_hour", "limit": 2, "used": 1, "reserved": 0, "left": 1,
        "resets_at": None, "scope": "default",
    }  # fmt: skip


def test_a_full_hour_says_when_it_is_free(owner: User) -> None:
    for minutes in (50, 20):
        began = timezone.now() - timedelta(minutes=minutes)
        call_id = new_call(new_session(owner)).call_id
        Call.objects.filter(pk=call_id).update(started_at=began, ended_at=began, ending="idle")
    now = timezone.now()
    (_, per_hour) = left(owner, now)
    assert per_hour["used"] == 2
    assert per_hour["left"] == 0
    assert per_hour["resets_at"] is not None
    assert per_hour["resets_at"] - now == pytest.approx(
        timedelta(minutes=10), abs=timedelta(seconds=5)
    )


def test_without_limits_there_is_no_row(limits: Settings, owner: User) -> None:
    limits.MAX_CALLS_PER_USER = limits.CALLS_PER_HOUR = 0
    assert left(owner, timezone.now()) == []
