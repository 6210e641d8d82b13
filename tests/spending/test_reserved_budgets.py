"""Money and minutes are reserved before a call, a typed answer or a clip begins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from backend.conversations import replies
from backend.conversations.lifecycle import end_call
from backend.conversations.models import Call, Reply, Session, Usage
from backend.conversations.process_liveness import process_name
from backend.conversations.writing import write
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused, BudgetSpent
from backend.spending.budget_usage import limits_of, states_of_users
from backend.spending.budgets import month_of
from backend.spending.models import Budget
from backend.spending.prices import usd_of_answer, usd_of_talk
from backend.spending.reservations import (
    release_clip,
    reserve_call,
    reserve_clip,
    reserve_reply,
)
from tests.azure import configure_azure
from tests.conversations.equipment import ending_write, new_call, new_session, usage_write

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TALK_USD = usd_of_talk("gpt-realtime", "gpt-transcribe") or Decimal("NaN")
ANSWER_USD = usd_of_answer("gpt-5.6-luna", 12_000) or Decimal("NaN")


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> Settings:
    """No limits but those that a test sets."""
    settings.MAX_CALLS_PER_USER = settings.MAX_CALLS = settings.CALLS_PER_HOUR = 0
    settings.BUDGET_USD_PER_MONTH, settings.BUDGET_MINUTES_PER_DAY = Decimal(0), 0
    settings.REALTIME_MODEL, settings.TRANSCRIPTION_MODEL = "gpt-realtime-2.1", "gpt-transcribe"
    settings.CHAT_MODEL, settings.HISTORY_TOKENS = "gpt-5.6-luna", 12_000
    return settings


def give(user: User, **amounts: Any) -> Budget:
    return Budget.objects.create(scope="user", user=user, **amounts)


def opened(user: User, session: Session | None = None, **more: Any) -> UUID:
    return new_call(session or new_session(user), reserve=reserve_call, **more).call_id


def refused(user: User, session: Session | None = None) -> AdmissionRefused:
    with pytest.raises(AdmissionRefused) as refusal:
        opened(user, session)
    return refusal.value


def used(user: User, usd: Decimal, at: datetime | None = None) -> None:
    Usage.objects.create(
        user=user, source_id=f"resp_{Usage.objects.count()}", kind="response", model="gpt-realtime",
        cost_usd=usd, price_date=timezone.now(), created_at=at or timezone.now(),
    )  # fmt: skip


def test_a_call_is_refused_when_the_money_of_the_month_is_used_up(
    owner: User, stranger: User
) -> None:
    give(owner, usd_per_month=1)
    used(owner, Decimal("0.9999"))
    end_call(opened(owner), Ending.CLIENT_LEFT)
    used(owner, Decimal("0.0001"))
    refusal = refused(owner)
    month = month_of(timezone.now(), UTC)
    assert isinstance(refusal, BudgetSpent)
    assert (refusal.kind, refusal.ending, refusal.code) == ("money", "budget_spent", "budget_spent")
    assert refusal.resets_at == month.end
    left = (month.end - timezone.now()).total_seconds()
    assert refusal.retry_after_s == pytest.approx(max(left, 1), abs=60)
    opened(stranger)


def test_a_call_is_refused_when_the_minutes_of_the_day_are_used_up(owner: User) -> None:
    give(owner, minutes_per_day=1)
    Call.objects.filter(pk=opened(owner)).update(
        started_at=timezone.now() - timedelta(minutes=2), ended_at=timezone.now(), ending="idle"
    )
    refusal = refused(owner)
    assert isinstance(refusal, BudgetSpent)
    assert refusal.kind == "minutes"


def test_open_calls_cannot_each_use_the_last_cent(owner: User) -> None:
    give(owner, usd_per_month=1)
    used(owner, 1 - TALK_USD / 2)
    session = new_session(owner)
    first = opened(owner, session)
    assert refused(owner).ending is Ending.TOO_MANY_CALLS
    # The next call of the same session replaces the first.
    opened(owner, session)
    assert Call.objects.get(pk=first).ending == Ending.TAKEN_OVER
    end_call(Call.objects.get(ended_at=None).pk, Ending.CLIENT_LEFT)
    opened(owner)


def test_a_crash_gives_the_reservation_back_when_the_lease_expires(owner: User) -> None:
    give(owner, usd_per_month=TALK_USD / 2, minutes_per_day=1)
    host, pid, started_at = process_name().rsplit(":", 2)
    opened(owner, worker="elsewhere")
    refused(owner)
    Call.objects.update(lease_until=F("lease_until") - timedelta(seconds=31))
    second = opened(owner, worker=process_name())
    refused(owner)
    # Known to be dead: at once.
    Call.objects.filter(pk=second).update(worker=f"{host}:{pid}:{int(started_at) - 1}")
    opened(owner)


def test_a_call_and_its_usage_are_settled_together(owner: User) -> None:
    """Between its reservation and its usage there is no moment in which neither counts."""
    give(owner, usd_per_month=TALK_USD / 2)
    call = new_call(new_session(owner), reserve=reserve_call)
    spent = usage.Usage("resp_1", "response", audio_out=1200)
    write([usage_write(call, spent), ending_write(call, Ending.CLIENT_LEFT)])
    refusal = refused(owner)
    assert isinstance(refusal, BudgetSpent)
    assert refusal.resets_at is not None


def test_nothing_is_allowed_by_zero(owner: User) -> None:
    budget = give(owner, usd_per_month=0)
    refusal = refused(owner)
    assert isinstance(refusal, BudgetSpent)
    assert (refusal.retry_after_s, refusal.resets_at) == (None, None)
    for name in ("calls_at_once", "calls_per_hour"):
        Budget.objects.filter(pk=budget.pk).update(
            **{"usd_per_month": None, "calls_at_once": None} | {name: 0}
        )
        assert (refused(owner).code, refused(owner).ending) == ("calls_not_allowed", "forbidden")


def test_a_model_of_unknown_price_is_refused_only_with_a_budget_of_money(
    limits: Settings, owner: User
) -> None:
    limits.REALTIME_MODEL = "mine"
    budget = give(owner, minutes_per_day=10)
    opened(owner)
    Budget.objects.filter(pk=budget.pk).update(usd_per_month=10)
    assert (refused(owner).code, refused(owner).ending) == ("price_unknown", "forbidden")
    limits.REALTIME_MODEL, limits.CHAT_MODEL = "gpt-realtime-2.1", "mine"
    opened(owner)
    with pytest.raises(AdmissionRefused, match="price_unknown"):
        replies.open_reply(new_session(owner).pk, owner.pk, "m1", reserve=reserve_reply)


def test_a_deployment_is_priced_as_the_model_that_the_settings_say(
    limits: Settings, owner: User
) -> None:
    configure_azure(limits)
    give(owner, usd_per_month=10)
    session = new_session(owner, provider="azure")
    call = new_call(session, reserve=reserve_call, provider="azure")
    end_call(call.call_id, Ending.CLIENT_LEFT)
    replies.open_reply(session.pk, owner.pk, "m1", reserve=reserve_reply)
    reserve_clip(session.pk, owner.pk, "clip_1", "words-eu", 60)
    assert Usage.objects.get().cost_usd == Decimal("0.0045")
    limits.AZURE_DEPLOYMENTS = {}
    Reply.objects.update(status="completed")
    with pytest.raises(AdmissionRefused, match="price_unknown"):
        replies.open_reply(session.pk, owner.pk, "m2", reserve=reserve_reply)
    assert refused(owner, session).code == "price_unknown"
    opened(owner)


def test_the_answers_that_run_are_priced_by_their_sessions_provider(
    limits: Settings, owner: User
) -> None:
    configure_azure(limits)
    limits.AZURE_DEPLOYMENTS = {"chat-eu": "gpt-5.6-sol"}
    give(owner, usd_per_month=1)
    first = new_session(owner, provider="azure")
    replies.open_reply(first.pk, owner.pk, "m1", reserve=reserve_reply)
    (state,) = states_of_users({owner.pk: limits_of([owner.pk])[owner.pk]}, timezone.now())[
        owner.pk
    ]
    assert state.reserved == usd_of_answer("gpt-5.6-sol", limits.HISTORY_TOKENS)


def test_the_defaults_of_the_settings_apply(limits: Settings, owner: User) -> None:
    limits.BUDGET_USD_PER_MONTH = Decimal(1)
    give(owner, usd_per_month=50)
    used(owner, Decimal(1))
    assert refused(owner).ending is Ending.BUDGET_SPENT


def test_a_typed_answer_is_refused_when_the_money_is_used_up(owner: User) -> None:
    give(owner, usd_per_month=1)
    used(owner, 1 - ANSWER_USD / 2)
    first, second = new_session(owner), new_session(owner)
    opened_reply = replies.open_reply(first.pk, owner.pk, "m1", reserve=reserve_reply)
    assert isinstance(opened_reply, replies.OpenedReply)
    with pytest.raises(BudgetSpent) as reserved:
        replies.open_reply(second.pk, owner.pk, "m2", reserve=reserve_reply)
    assert reserved.value.resets_at is None
    Reply.objects.update(status="completed")
    replies.open_reply(second.pk, owner.pk, "m2", reserve=reserve_reply)
    used(owner, Decimal(1))
    Reply.objects.update(status="completed")
    with pytest.raises(BudgetSpent) as spent:
        replies.open_reply(second.pk, owner.pk, "m3", reserve=reserve_reply)
    assert spent.value.kind == "money"
    assert spent.value.resets_at is not None
    assert not Reply.objects.filter(message_id="m3").exists()


def test_without_budgets_an_answer_and_a_clip_cost_one_query_each(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session = new_session(owner)
    with django_assert_num_queries(1):
        reserve_reply(session.pk, owner.pk, timezone.now())
    reserve_clip(session.pk, owner.pk, "clip_1", "gpt-transcribe", 60)
    assert not Usage.objects.exists()


def test_a_clip_reserves_what_it_costs(owner: User) -> None:
    give(owner, usd_per_month=Decimal("0.004"), minutes_per_day=10)
    session = new_session(owner)
    reserve_clip(session.pk, owner.pk, "clip_1", "gpt-transcribe", 60)
    row = Usage.objects.get()
    assert (row.user, row.session, row.is_estimated, row.seconds) == (owner, session, True, 60)
    assert row.cost_usd == Decimal("0.0045")
    with pytest.raises(BudgetSpent):
        reserve_clip(session.pk, owner.pk, "clip_2", "gpt-transcribe", 60)
    release_clip(session.pk, "clip_1")
    reserve_clip(session.pk, owner.pk, "clip_2", "gpt-transcribe", 60)
    Usage.objects.update(is_estimated=False)
    release_clip(session.pk, "clip_2")
    assert Usage.objects.count() == 1


def test_a_clip_of_unknown_price_is_refused_only_with_a_budget_of_money(owner: User) -> None:
    budget = give(owner, minutes_per_day=10)
    session = new_session(owner)
    reserve_clip(session.pk, owner.pk, "clip_1", "mine", 300)
    assert (Usage.objects.get().cost_usd, Usage.objects.get().seconds) == (None, 300)
    Budget.objects.filter(pk=budget.pk).update(usd_per_month=1)
    with pytest.raises(AdmissionRefused, match="price_unknown"):
        reserve_clip(session.pk, owner.pk, "clip_2", "mine", 300)
    Budget.objects.filter(pk=budget.pk).update(usd_per_month=None, minutes_per_day=5)
    with pytest.raises(BudgetSpent) as spent:
        reserve_clip(session.pk, owner.pk, "clip_2", "mine", 300)
    assert spent.value.kind == "minutes"
