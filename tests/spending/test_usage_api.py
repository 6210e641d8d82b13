"""`GET /api/usage/`: one's own calls, minutes, tokens and cost, by day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from backend.conversations.models import Call, Session, Usage
from backend.spending.models import Budget
from backend.spending.usage_api import own_usage, sums_by_day
from tests.conversations.equipment import kept_usage, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def used(session: Session, at: datetime, **fields: Any) -> None:
    """A million tokens of text: 16 USD."""
    number = Usage.objects.count()
    given: dict[str, Any] = {"model": "gpt-realtime", "text_out": 1_000_000} | fields
    row = kept_usage(session, f"resp_{number}", **given)
    Usage.objects.filter(pk=row.pk).update(created_at=at)


def called(session: Session, at: datetime, seconds: float | None) -> None:
    """A call of so many seconds; None if it is open."""
    Call.objects.create(
        session=session,
        worker="w",
        model="m",
        first_position=Call.objects.count(),
        started_at=at,
        lease_until=at + timedelta(seconds=90),
        ended_at=None if seconds is None else at + timedelta(seconds=seconds),
        ending="" if seconds is None else "completed",
    )


def test_every_day_has_its_sums(session: Session, stranger: User) -> None:
    used(session, NOW - timedelta(days=2), is_estimated=True)
    used(session, NOW - timedelta(days=40))
    used(session, NOW)
    used(session, NOW, text_in=500_000, text_in_cached=500_000)
    used(new_session(stranger), NOW)
    called(session, NOW - timedelta(days=2), 90)
    called(session, NOW - timedelta(days=2), 60)
    called(new_session(stranger), NOW, 60)
    answer = own_usage(session.user_id, 3, NOW)
    assert [day["date"] for day in answer["days"]] == [
        date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2),
    ]  # fmt: skip
    assert [day["cost"] for day in answer["days"]] == ["16.0000", "0.0000", "32.2000"]
    assert [day["cost_estimated"] for day in answer["days"]] == [True, False, False]
    assert [(day["calls"], day["minutes"]) for day in answer["days"]] == [(2, 2.5), (0, 0), (0, 0)]
    assert answer["today"] == answer["days"][-1]
    assert answer["today"]["usage"]["text_out"] == 2_000_000
    # The days before are of another month.
    assert (answer["month"]["cost"], answer["month"]["calls"]) == ("32.2000", 0)
    assert answer["time_zone"] == "UTC"


def test_the_month_has_days_that_are_not_listed(session: Session) -> None:
    used(session, NOW - timedelta(days=1))
    answer = own_usage(session.user_id, 1, NOW)
    assert (answer["today"]["cost"], answer["month"]["cost"]) == ("0.0000", "16.0000")


def test_an_unknown_price_makes_the_sums_unknown(session: Session) -> None:
    used(session, NOW, model="somebody-elses")
    used(session, NOW - timedelta(days=1))
    answer = own_usage(session.user_id, 2, NOW)
    assert [day["cost"] for day in answer["days"]] == ["16.0000", None]
    assert answer["month"]["cost"] is None
    assert answer["month"]["usage"]["text_out"] == 2_000_000


@pytest.mark.parametrize(("after_s", "minutes"), [(30, 0.5), (3600, 1.5), (-10, 0)])
def test_an_open_call_lasts_until_now_or_its_lease(
    session: Session, after_s: float, minutes: float
) -> None:
    called(session, NOW, None)
    sums = sums_by_day(session.user_id, NOW.date(), NOW + timedelta(seconds=after_s), UTC)
    assert sums[NOW.date()].talk == timedelta(minutes=minutes)


def test_days_are_those_of_the_time_zone(session: Session) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    used(session, datetime(2026, 3, 2, 16, tzinfo=UTC))
    called(session, datetime(2026, 3, 2, 16, tzinfo=UTC), 60)
    sums = sums_by_day(session.user_id, date(2026, 3, 1), NOW, tokyo)
    assert list(sums) == [date(2026, 3, 3)]
    assert sums[date(2026, 3, 3)].calls == 1


def test_the_cost_of_a_deleted_conversation_stays(session: Session) -> None:
    used(session, NOW)
    session.delete()
    assert own_usage(session.user_id, 1, NOW)["today"]["cost"] == "16.0000"


def test_it_is_read_with_two_queries_three_for_limits_and_a_login(
    as_owner: APIClient,
    as_nobody: APIClient,
    session: Session,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    used(session, timezone.now())
    with django_assert_max_num_queries(6):
        answer = as_owner.get("/api/usage/")
    assert answer.status_code == 200
    assert len(answer.json()["days"]) == 30
    assert answer.json()["today"]["cost"] == "16.0000"
    assert as_nobody.get("/api/usage/").status_code == 401


@pytest.mark.parametrize("days", ["0", "-1", "367", "1e3", "many", "9" * 99])
def test_a_bad_number_of_days_is_refused(as_owner: APIClient, days: str) -> None:
    answer = as_owner.get("/api/usage/", {"days": days})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], list(error["detail"])) == (400, "invalid", ["days"])


def test_what_is_left_of_each_budget_is_listed(
    as_owner: APIClient, owner: User, session: Session
) -> None:
    kept_usage(session, "resp_1", "gpt-realtime", audio_out=10_000)
    Budget.objects.create(scope="everybody", usd_per_month=Decimal("0.80"))
    Budget.objects.create(scope="user", user=owner, minutes_per_day=10)
    listed = as_owner.get("/api/usage/?days=1").json()["budgets"]
    of_kind = {each.pop("kind"): each for each in listed}
    assert list(of_kind) == ["money", "minutes", "calls_at_once", "calls_per_hour"]
    assert of_kind["money"].pop("resets_at") > of_kind["minutes"]["resets_at"]
    assert of_kind["money"] == {"limit": 0.8, "used": 0.64, "reserved": 0.0, "left": 0.16}
    assert (of_kind["minutes"]["limit"], of_kind["minutes"]["left"]) == (10.0, 10.0)
