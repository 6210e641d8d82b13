"""The facts of the list's rows: in the order that was asked for, exact, on both databases."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations.admin.row_facts import (
    UNKNOWN_COST,
    Bounds,
    has_cost_within,
    has_minutes_within,
    rows_of,
)
from backend.conversations.lifecycle import end_call
from backend.conversations.models import Call, Session, Usage
from backend.protocol.endings import Ending
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_durations_are_exact_to_a_millisecond_and_leave_out_the_open_call(owner: User) -> None:
    session = new_session(owner)
    for seconds in (0.25, 3599.5):
        call = new_call(session)
        end_call(call.call_id, Ending.IDLE)
        Call.objects.filter(pk=call.call_id).update(
            started_at=NOON, ended_at=NOON + timedelta(seconds=seconds)
        )
    new_call(session)
    row: Any = rows_of([session.pk])[0]
    assert row.seconds == pytest.approx(3599.75, abs=0.001)
    assert (row.call_count, row.last_ending, row.live) == (3, "", True)


def test_a_cost_with_an_unknown_price_is_unknown(owner: User) -> None:
    free, known, unknown = (new_session(owner) for _ in range(3))
    for session in (known, unknown):
        kept_usage(session, "a", "gpt-realtime", audio_out=10_000)
    kept_usage(unknown, "b", "somebody-elses", audio_out=1)
    rows: Any = rows_of([unknown.pk, free.pk, known.pk])
    assert [row.cost for row in rows] == [UNKNOWN_COST, Decimal(0), Decimal("0.64")]
    assert [row.last_ending for row in rows] == [None] * 3


BOUNDS = {
    "1 to 5": Bounds(Decimal(1), Decimal(5)),
    "under 5": Bounds(None, Decimal(5)),
    "5 and more": Bounds(Decimal(5), None),
}


@pytest.mark.parametrize(
    ("bounds", "found"),
    [("1 to 5", ["1", "4.99"]), ("under 5", ["0.99", "1", "4.99"]), ("5 and more", ["5"])],
)
def test_bounds_have_their_low_end_and_not_their_high_one(
    owner: User, bounds: str, found: list[str]
) -> None:
    for amount in ("0", "0.99", "1", "4.99", "5"):
        session = new_session(owner, title=amount)
        usage = kept_usage(session, "a", "gpt-realtime", audio_out=1)
        Usage.objects.filter(pk=usage.pk).update(cost_usd=Decimal(amount))
        call = new_call(session)
        end_call(call.call_id, Ending.IDLE)
        Call.objects.filter(pk=call.call_id).update(
            started_at=NOON, ended_at=NOON + timedelta(minutes=float(amount))
        )
    kept_usage(new_session(owner, title="unknown"), "a", "somebody-elses", audio_out=1)
    new_session(owner, title="nothing")
    for condition in (has_cost_within(BOUNDS[bounds]), has_minutes_within(BOUNDS[bounds])):
        listed = Session.objects.filter(condition).order_by("title")
        assert list(listed.values_list("title", flat=True)) == found
        assert listed.count() == len(found)


def test_a_session_that_is_gone_is_left_out(owner: User) -> None:
    session, gone = new_session(owner), new_session(owner)
    gone_id = gone.pk
    gone.delete()
    assert rows_of([gone_id, session.pk]) == [session]


def test_the_excerpt_is_of_the_first_turn_that_matches(owner: User) -> None:
    session = new_session(owner)
    for position, text in enumerate(("Tea.", "ﾊﾟﾝ!", "パン?")):
        kept_turn(session, item_id=str(position), position=position, text=text)
    row: Any = rows_of([session.pk], ["ぱん", "rye"])[0]
    assert [(piece.text, piece.is_match) for piece in row.excerpt] == [("ﾊﾟﾝ", True), ("!", False)]
    assert Session.objects.count() == 1
