"""Reservations in the database: what is counted, what gives a place back, and races."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend.conversations import control, lifecycle, replies
from backend.conversations.deleting import hide
from backend.conversations.lifecycle import check_can_open, end_call
from backend.conversations.models import Call, Session
from backend.conversations.process_liveness import process_name
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.spending.models import Budget, DeletedTalk
from backend.spending.prices import usd_of_talk
from backend.spending.reservations import reserve_call
from backend.wording import sentence
from tests.conversations.equipment import new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LIMITS = ("usd_per_month", "minutes_per_day", "calls_at_once", "calls_per_hour")
TALK_USD = usd_of_talk("gpt-realtime", "gpt-transcribe") or Decimal("NaN")
"""What an open call reserves."""

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> Settings:
    """No limits but those that a test sets."""
    settings.MAX_CALLS_PER_USER = settings.MAX_CALLS = 0
    settings.CALLS_PER_HOUR = settings.SESSIONS_PER_HOUR = 0
    settings.BUDGET_USD_PER_MONTH, settings.BUDGET_MINUTES_PER_DAY = Decimal(0), 0
    return settings


def opened(user: User, session: Session | None = None, **more: Any) -> UUID:
    """Open a call of the user under the limits; returns its id. By default in a new session."""
    return new_call(session or new_session(user), reserve=reserve_call, **more).call_id


def refused(user: User, session: Session | None = None) -> AdmissionRefused:
    with pytest.raises(AdmissionRefused) as refusal:
        opened(user, session)
    return refusal.value


def test_calls_at_once_are_counted_for_each_user(
    limits: Settings, owner: User, stranger: User
) -> None:
    limits.MAX_CALLS_PER_USER = 2
    first, _ = opened(owner), opened(owner)
    assert (refused(owner).ending, refused(owner).retry_after_s) == (Ending.TOO_MANY_CALLS, None)
    opened(stranger)
    end_call(first, Ending.CLIENT_LEFT)
    opened(owner)
    assert Call.objects.filter(ended_at=None).count() == 3


def test_all_calls_at_once_are_counted(limits: Settings, owner: User, stranger: User) -> None:
    limits.MAX_CALLS = 2
    opened(owner), opened(stranger)
    refusal = refused(stranger)
    assert (refusal.ending, refusal.retry_after_s) == (Ending.SERVER_FULL, 30)


def test_a_call_that_replaces_one_of_its_session_is_not_one_more(
    limits: Settings, owner: User
) -> None:
    limits.MAX_CALLS_PER_USER = limits.MAX_CALLS = limits.CALLS_PER_HOUR = 1
    session = new_session(owner)
    first = opened(owner, session)
    opened(owner, session)
    assert Call.objects.get(pk=first).ending == Ending.TAKEN_OVER


def test_a_refused_call_ends_nothing_and_leaves_no_row(limits: Settings, owner: User) -> None:
    session = new_session(owner)
    running = opened(owner, session)
    opened(owner), opened(owner)
    limits.MAX_CALLS_PER_USER = 2  # A limit that was lowered meanwhile.
    assert refused(owner, session).ending is Ending.TOO_MANY_CALLS
    assert Call.objects.get(pk=running).ended_at is None
    assert Call.objects.filter(session=session).count() == 1


@pytest.mark.parametrize("limit", ["MAX_CALLS_PER_USER", "MAX_CALLS"])
def test_a_crash_gives_the_place_back(limits: Settings, owner: User, limit: str) -> None:
    setattr(limits, limit, 1)
    host, pid, started_at = process_name().rsplit(":", 2)
    opened(owner, worker=process_name())
    refused(owner)
    Call.objects.update(worker="elsewhere")
    refused(owner)
    Call.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = opened(owner)
    # Known to be dead: at once.
    Call.objects.filter(pk=second).update(worker=f"{host}:{pid}:{int(started_at) - 1}")
    opened(owner)


def test_a_call_without_turns_keeps_its_place(limits: Settings, owner: User) -> None:
    limits.MAX_CALLS_PER_USER = 1
    opened(owner)
    Session.objects.update(updated_at=timezone.now() - timedelta(hours=2))
    assert refused(owner).ending is Ending.TOO_MANY_CALLS


def test_calls_of_the_hour_are_counted_also_when_they_and_their_sessions_are_gone(
    limits: Settings, owner: User, stranger: User
) -> None:
    limits.CALLS_PER_HOUR = 2
    for _ in range(2):
        session = new_session(owner)
        end_call(opened(owner, session), Ending.CLIENT_LEFT)
        assert hide(session.pk, owner.pk)
    refusal = refused(owner)
    assert refusal.ending is Ending.HOURLY_LIMIT
    assert refusal.retry_after_s == pytest.approx(3600, abs=60)
    opened(stranger)
    Call.objects.update(started_at=F("started_at") - timedelta(minutes=61))
    opened(owner)


def test_a_reconnect_does_not_count_for_the_hour(limits: Settings, owner: User) -> None:
    limits.CALLS_PER_HOUR = 1
    session = new_session(owner)
    for _ in range(10):
        end_call(opened(owner, session), Ending.CLIENT_LEFT)
    assert refused(owner).ending is Ending.HOURLY_LIMIT
    assert refused(owner, session).ending is Ending.HOURLY_LIMIT


def test_what_runs_in_the_session_goes_on_if_a_call_cannot_open(
    limits: Settings, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, typed = new_session(owner), new_session(owner)
    running = opened(owner, session)
    opened(owner), opened(owner)
    reply = replies.open_reply(typed.pk, owner.pk, "m1")
    assert isinstance(reply, replies.OpenedReply)
    limits.MAX_CALLS_PER_USER = 2
    monkeypatch.setattr(control, "shared_redis", lambda: object())
    for session_id, end in (
        (session.pk, control.request_take_over),
        (typed.pk, replies.ask_to_stop),
    ):
        with pytest.raises(AdmissionRefused, match="too_many_calls"):
            end(
                session_id,
                owner.pk,
                check=partial(check_can_open, session_id, owner.pk, reserve_call),
            )
    assert lifecycle.renew_leases([running]) == {}
    assert replies.renew_lease(reply.reply_id, reply.attempt) is replies.Lease.KEPT


def test_without_limits_only_the_budgets_are_asked_for(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        reserve_call(new_session_id(), owner.pk, timezone.now())


def new_session_id() -> UUID:
    return UUID("11111111-1111-4111-8111-111111111111")


def test_all_limits_of_calls_cost_two_queries_and_that_of_the_budgets(
    limits: Settings, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    limits.MAX_CALLS_PER_USER = limits.MAX_CALLS = limits.CALLS_PER_HOUR = 100
    for _ in range(5):
        opened(owner)
    locks = 2 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(1 + 2 + locks):
        reserve_call(new_session_id(), owner.pk, timezone.now())


def test_sessions_of_the_hour_are_counted_also_when_they_are_deleted(
    limits: Settings, owner: User, as_owner: APIClient, as_stranger: APIClient
) -> None:
    limits.SESSIONS_PER_HOUR = 2
    made = [as_owner.post("/api/sessions/", {}, format="json") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    as_owner.delete(f"/api/sessions/{made[0].json()['id']}/")
    answer = as_owner.post("/api/sessions/", {}, format="json")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "too_many_sessions"
    assert answer.json()["error"]["message"] == sentence("too_many_sessions", "en")
    assert 3500 < int(answer["Retry-After"]) <= 3600
    assert as_stranger.post("/api/sessions/", {}, format="json").status_code == 201
    Session.with_deleted.update(created_at=F("created_at") - timedelta(minutes=50))
    answer = as_owner.post("/api/sessions/", {}, format="json")
    assert 500 < int(answer["Retry-After"]) <= 600
    Session.with_deleted.update(created_at=F("created_at") - timedelta(minutes=10))
    assert as_owner.post("/api/sessions/", {}, format="json").status_code == 201


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_in_two_processes_are_exactly_three() -> None:
    users = [User.objects.create_user(f"owner-{number}") for number in range(2)]
    of_one = [new_session(users[0]) for _ in range(50)]
    of_both = [*of_one[:25], *(new_session(users[1]) for _ in range(25))]
    # The sessions of the test itself are older than the hour.
    Session.objects.update(created_at=F("created_at") - timedelta(hours=2))
    with racer() as one, racer() as another:
        for limit, sessions, budget in (
            ("MAX_CALLS_PER_USER", of_one, {}),
            ("MAX_CALLS", of_both, {}),
            ("CALLS_PER_HOUR", of_one, {}),
            ("SESSIONS_PER_HOUR", of_one, {}),
            # Two calls leave something that nobody has reserved, three do not.
            ("budget", of_one, {"usd_per_month": TALK_USD * Decimal("2.5")}),
            ("budget", of_one, {"minutes_per_day": 3}),
            ("budget", of_one, {"calls_at_once": 3}),
            ("budget", of_one, {"calls_per_hour": 3}),
        ):
            Call.objects.all().delete()
            DeletedTalk.objects.all().delete()
            Budget.objects.update_or_create(
                scope="user", user=users[0], defaults=dict.fromkeys(LIMITS) | budget
            )
            race(one, limit, sessions[::2])
            race(another, limit, sessions[1::2])
            done = Counter(outcome(one)) + Counter(outcome(another))
            assert done == {"opened": 3, "refused": 47}, (limit, budget)
            if limit != "SESSIONS_PER_HOUR":
                assert Call.objects.filter(ended_at=None).count() == Call.objects.count() == 3
    assert Session.objects.count() == 78


@contextmanager
def racer() -> Iterator[subprocess.Popen[str]]:
    """Run `tests.spending.racer` on the database of the test."""
    of_test = connection.settings_dict
    url = f"sqlite:///{of_test['NAME']}"
    if connection.vendor == "postgresql":
        url = f"postgres://{of_test['USER']}@{of_test['HOST']}:{of_test['PORT']}/{of_test['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.spending.racer"],
        env={"PATH": "", "DATABASE_URL": url, "DEBUG": "on"},
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.communicate(timeout=60)
    assert process.returncode == 0


def race(process: subprocess.Popen[str], limit: str, sessions: list[Session]) -> None:
    """Let the process open a call on each of these sessions at once, with this limit of 3."""
    assert process.stdin is not None
    chosen = [(session.user_id, str(session.pk)) for session in sessions]
    process.stdin.write(json.dumps([limit, chosen]) + "\n")
    process.stdin.flush()


def outcome(process: subprocess.Popen[str]) -> dict[str, int]:
    """How many were opened and refused in the race."""
    assert process.stdout is not None
    counted: dict[str, int] = json.loads(process.stdout.readline())
    return counted
