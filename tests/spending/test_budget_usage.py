"""What is counted for budgets in the database: money, minutes, and whose limits apply."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from backend.conversations.lifecycle import LEASE
from backend.conversations.models import Call, Session, Usage
from backend.protocol.endings import Ending
from backend.spending import budget_usage
from backend.spending.budgets import Counted, Grant, Limit, Limits, tightest
from backend.spending.models import Budget, DeletedTalk
from tests.conversations.equipment import kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
BOTH = tightest([Grant("user", Decimal(1), 60)])


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> Settings:
    """No limits but those that a test sets."""
    settings.MAX_CALLS_PER_USER = settings.MAX_CALLS = settings.CALLS_PER_HOUR = 0
    settings.BUDGET_USD_PER_MONTH, settings.BUDGET_MINUTES_PER_DAY = Decimal(0), 0
    return settings


def counted(user: User, now: datetime = NOON, of_user: Limits = BOTH) -> Counted:
    return budget_usage.counted_of({user.pk: of_user}, now)[user.pk]


def used(user: User, usd: str | None, at: datetime = NOON, source_id: str = "") -> None:
    """A ledger row of this cost; an unknown price if it is None."""
    Usage.objects.create(
        user=user,
        source_id=source_id or f"resp_{Usage.objects.count()}",
        kind="response",
        model="gpt-realtime",
        cost_usd=usd,
        price_date=None if usd is None else NOON,
        created_at=at,
    )


def talked(
    user: User, began: datetime, ended: datetime | None, lease_until: datetime | None = None
) -> UUID:
    """A call from `began` to `ended`, which is None while it is open."""
    call = Call.objects.get(pk=new_call(new_session(user)).call_id)
    call.started_at, call.ended_at = began, ended
    call.ending = "" if ended is None else Ending.CLIENT_LEFT
    call.lease_until = lease_until or NOON + LEASE
    call.save()
    Session.objects.filter(pk=call.session_id).update(updated_at=began)
    return call.pk


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+00:00")


def test_money_is_the_months_ledger_of_the_user(owner: User, stranger: User) -> None:
    for user, usd in ((owner, "0.25"), (owner, "0.0000000001"), (stranger, "9")):
        used(user, usd)
    used(owner, "7", at("01T00:00") - timedelta(microseconds=1))
    used(owner, "0.5", at("01T00:00"))
    assert counted(owner).usd == Decimal("0.7500000001")


def test_an_unknown_price_is_counted_as_unknown(owner: User) -> None:
    used(owner, "0.25")
    used(owner, None)
    assert (counted(owner).usd, counted(owner).unpriced) == (Decimal("0.25"), 1)


def test_an_estimate_counts_until_the_provider_confirms_it(owner: User) -> None:
    """A client that leaves before each `response.done` has spent what was estimated."""
    kept_usage(
        new_session(owner), "resp_1", "gpt-realtime",
        audio_out=1000, is_estimated=True, created_at=NOON,
    )  # fmt: skip
    assert counted(owner).usd == Decimal("0.064")


def test_money_of_a_deleted_conversation_still_counts(owner: User) -> None:
    session = new_session(owner)
    kept_usage(session, "resp_1", "gpt-realtime", audio_out=1000, created_at=NOON)
    session.delete()
    assert counted(owner).usd == Decimal("0.064")


def test_a_clock_that_steps_back_forgets_no_money(owner: User) -> None:
    used(owner, "0.25", at("30T23:00"))
    used(owner, "0.5", at("30T23:00") + timedelta(hours=2))
    assert counted(owner, at("30T23:30")).usd == Decimal("0.75")


def test_minutes_are_those_of_today(owner: User, stranger: User) -> None:
    talked(owner, at("28T10:00"), at("28T10:10"))
    talked(owner, at("27T23:50"), at("28T00:05"))
    talked(owner, at("27T10:00"), at("27T11:00"))
    talked(stranger, at("28T10:00"), at("28T11:00"))
    assert counted(owner).minutes == 15
    talked(owner, at("28T11:58"), None)
    assert counted(owner).minutes == 17


def test_a_call_whose_lease_has_expired_lasted_until_its_last_heartbeat(owner: User) -> None:
    talked(owner, at("28T11:00"), None, lease_until=at("28T11:30") + LEASE)
    assert counted(owner).minutes == 30


def test_a_clock_that_steps_back_makes_no_minutes_negative(owner: User) -> None:
    talked(owner, at("28T12:30"), at("28T12:40"))
    talked(owner, at("28T11:50"), at("28T12:20"))
    assert counted(owner).minutes == 10


def test_a_month_and_a_day_that_end_during_a_call_begin_anew(owner: User) -> None:
    used(owner, "1", at("30T23:59"))
    talked(owner, at("30T22:30"), None, lease_until=at("30T23:59") + timedelta(days=1))
    before = at("30T23:59") + timedelta(seconds=59)
    after = datetime(2026, 12, 1, 0, 0, 30, tzinfo=UTC)
    both = tightest([Grant("user", Decimal(1), 60)])
    for now, spent, minutes in ((before, True, "89.98"), (after, False, "0.5")):
        money, talk = budget_usage.states_of_users({owner.pk: both}, now)[owner.pk]
        assert (money.is_spent, talk.is_spent) == (spent, spent)
        assert round(talk.used, 2) == Decimal(minutes)
    assert talk.resets_at == datetime(2026, 12, 2, tzinfo=UTC)


def test_clips_count_as_minutes(owner: User) -> None:
    session = new_session(owner)
    clip = {"kind": "transcription", "created_at": NOON}
    kept_usage(session, "clip_1", "gpt-transcribe", seconds=90, **clip)
    kept_usage(session, "item_1", "gpt-transcribe", seconds=600, **clip)
    clip["created_at"] = at("27T10:00")
    kept_usage(session, "clip_2", "gpt-transcribe", seconds=600, **clip)
    assert counted(owner).minutes == Decimal("1.5")


def test_minutes_of_deleted_conversations_still_count(owner: User) -> None:
    call_id = talked(owner, at("28T11:00"), at("28T11:20"))
    with mock.patch("backend.spending.deleted_talk.timezone.now", return_value=NOON):
        Session.objects.get(calls=call_id).delete()
        talked(owner, at("20T10:00"), at("20T10:20"))
        Session.objects.all().delete()
    assert not Call.objects.exists()
    assert DeletedTalk.objects.count() == 1
    assert counted(owner).minutes == 20


def test_everybody_groups_and_user_are_all_asked(
    limits: Settings, owner: User, stranger: User
) -> None:
    limits.MAX_CALLS_PER_USER = 9
    group = Group.objects.create(name="guests")
    other = Group.objects.create(name="others")
    owner.groups.add(group, other)
    Budget.objects.create(scope="everybody", usd_per_month=Decimal(20))
    Budget.objects.create(scope="group", group=group, minutes_per_day=30, usd_per_month=50)
    Budget.objects.create(scope="group", group=other, minutes_per_day=40)
    Budget.objects.create(scope="user", user=stranger, calls_per_hour=1)
    found = budget_usage.limits_of([owner.pk, stranger.pk])
    assert found[owner.pk].by_kind == {
        "money": Limit(Decimal(20), "everybody"),
        "minutes": Limit(Decimal(30), "group"),
        "calls_at_once": Limit(Decimal(9), "default"),
    }
    assert found[stranger.pk].by_kind.keys() == {"money", "calls_at_once", "calls_per_hour"}


def test_how_many_calls_somebody_has_is_no_budget(
    limits: Settings, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    call_id = new_call(new_session(owner)).call_id
    limits.MAX_CALLS_PER_USER = limits.CALLS_PER_HOUR = 3
    Budget.objects.create(scope="user", user=owner, calls_per_hour=1)
    assert not budget_usage.has_budgets()
    with django_assert_num_queries(1):
        assert budget_usage.states_of_calls([call_id]) == {call_id: []}
    limits.BUDGET_MINUTES_PER_DAY = 5
    assert budget_usage.has_budgets()
    assert [each.kind for each in budget_usage.states_of_calls([call_id])[call_id]] == ["minutes"]


@pytest.mark.parametrize("limit", ["usd_per_month", "minutes_per_day"])
def test_a_budget_of_anybody_is_one_even_if_it_is_of_nothing(owner: User, limit: str) -> None:
    Budget.objects.create(scope="user", user=owner, **{limit: 0})
    assert budget_usage.has_budgets()


def test_a_heartbeat_asks_the_same_number_of_queries_for_many_calls(
    owner: User, stranger: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    call_ids = [new_call(new_session(user)).call_id for user in (owner, owner, stranger)]
    with django_assert_num_queries(1):
        assert budget_usage.states_of_calls(call_ids) == dict.fromkeys(call_ids, [])
    Budget.objects.create(scope="everybody", usd_per_month=1, minutes_per_day=10)
    for chosen in (call_ids[:1], call_ids):
        with django_assert_num_queries(6):
            states = budget_usage.states_of_calls(chosen)
        assert [[each.kind for each in states[call_id]] for call_id in chosen] == [
            ["money", "minutes"] for _ in chosen
        ]
    assert budget_usage.states_of_calls([]) == {}


def test_money_is_found_by_index(owner: User) -> None:
    rows = Usage.objects.filter(user_id__in=[owner.pk], created_at__gte=NOON)
    if connection.vendor == "sqlite":
        assert "usage_of_user" in rows.explain()
