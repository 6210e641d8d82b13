"""The usage and cost of sessions and calls, and the facts of a list of sessions."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from backend.conversations.models import Call, Session
from backend.conversations.queries import (
    NOTHING_SPENT,
    is_live,
    own_sessions,
    spent_by_call,
    spent_by_session,
    status_of,
)
from tests.conversations.equipment import NOON, kept_usage, new_call, new_session


@pytest.mark.parametrize(
    ("closed", "live", "status"),
    [(False, False, "open"), (False, True, "live"), (True, False, "closed"), (True, True, "live")],
)
def test_a_status_is_one_word(closed: bool, live: bool, status: str) -> None:
    assert status_of(NOON if closed else None, live=live) == status


@pytest.mark.django_db
def test_only_a_call_within_its_lease_is_live(owner: User) -> None:
    live, dead, quiet = (new_session(owner) for _ in range(3))
    new_call(live)
    new_call(dead)
    Call.objects.filter(session=dead).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert list(Session.objects.filter(is_live)) == [live]
    facts = {session.id: session.live for session in own_sessions(owner.pk)}
    assert facts == {live.id: True, dead.id: False, quiet.id: False}


@pytest.mark.django_db
def test_usage_is_summed_by_session_and_by_call(owner: User, stranger: User) -> None:
    session, other = new_session(owner), new_session(stranger)
    first, second = new_call(session).call_id, new_call(session).call_id
    rows = ((session, first, 1), (session, second, 2), (other, new_call(other).call_id, 4))
    for number, (whose, call_id, tokens) in enumerate(rows):
        kept_usage(whose, str(number), "gpt-realtime", call_id=call_id, text_out=tokens * 1_000_000)
    spent = spent_by_session([session.id, other.id])
    assert spent[session.id].cost_usd == Decimal(48)
    assert spent[other.id].cost_usd == Decimal(64)
    by_call = spent_by_call(session)
    assert {key: value.counts.text_out for key, value in by_call.items()} == {
        first: 1_000_000,
        second: 2_000_000,
    }


@pytest.mark.django_db
def test_a_session_without_usage_is_left_out(owner: User) -> None:
    assert spent_by_session([new_session(owner).id]) == {}
    assert NOTHING_SPENT.cost_usd == 0
