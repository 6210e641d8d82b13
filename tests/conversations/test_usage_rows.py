"""Rows of usages in written-out SQL, against those that the ORM writes."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Session
from backend.conversations.models import Usage as Row
from backend.conversations.usage_rows import (
    COUNTS,
    StoredUsage,
    UsageRow,
    insert_usages,
    stored_usages,
)
from backend.protocol.usage import MAX_COUNT, Usage
from tests.conversations.equipment import new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FULL = Usage("resp_1", "response", 1, 2, 3, 4, 5, 6, 7, MAX_COUNT, 1.25, True, "item_1")
EMPTY = Usage("item_2", "transcription")


@pytest.fixture
def call(owner: User) -> OpenedCall:
    return new_call(new_session(owner))


def row_of(call: OpenedCall, used: Usage, cost: str | None = "0.0123456789") -> UsageRow:
    cost_usd = None if cost is None else Decimal(cost)
    priced_on = None if cost is None else date(2026, 3, 4)
    return UsageRow(
        call.user_id, call.session_id, call.call_id, used, "gpt-realtime", cost_usd, priced_on
    )


@pytest.mark.parametrize(
    ("used", "cost"),
    [(FULL, "0.012345678"), (FULL, "0"), (FULL, "1E+3"), (EMPTY, None)],
)
def test_a_row_is_as_the_orm_writes_it(call: OpenedCall, used: Usage, cost: str | None) -> None:
    row = row_of(call, used, cost)
    insert_usages([row])
    Row.objects.create(
        user_id=row.user_id, session_id=row.session_id, call_id=row.call_id, source_id="by_the_orm",
        item_id=used.item_id, kind=used.kind, model=row.model, cost_usd=row.cost_usd,
        price_date=row.price_date, is_estimated=used.is_estimated,
        **{name: getattr(used, name) for name in COUNTS},
    )  # fmt: skip
    raw, orm = Row.objects.order_by("id").values()
    for own in ("id", "source_id", "created_at"):
        del raw[own], orm[own]
    assert raw == orm
    first, second = Row.objects.order_by("id")
    assert abs((second.created_at - first.created_at).total_seconds()) < 5


def test_a_row_that_is_there_stays_as_it_is(call: OpenedCall) -> None:
    insert_usages([row_of(call, FULL)])
    changed = Usage(FULL.source_id, FULL.kind, text_in=99)
    insert_usages([row_of(call, changed), row_of(call, EMPTY)])
    kept = Row.objects.get(source_id=FULL.source_id)
    assert (kept.text_in, Row.objects.count()) == (1, 2)


def test_the_stored_rows_of_sources_are_found(call: OpenedCall, owner: User) -> None:
    other = new_call(new_session(owner))
    rows = [row_of(call, FULL), row_of(call, EMPTY), row_of(other, FULL)]
    insert_usages(rows)
    gone = row_of(call, FULL)._replace(session_id=None, call_id=None)
    insert_usages([gone])
    wanted = [row_of(call, FULL), row_of(other, FULL), row_of(other, EMPTY), gone]
    found = stored_usages({row.key for row in wanted})
    assert set(found) == {row_of(call, FULL).key, row_of(other, FULL).key, gone.key}
    kept = Row.objects.get(session_id=call.session_id, source_id=FULL.source_id)
    assert found[call.session_id, FULL.source_id, FULL.kind] == StoredUsage(kept.pk, True)


def test_a_row_without_a_user_is_found(call: OpenedCall) -> None:
    row = row_of(call, EMPTY)._replace(user_id=None, session_id=None, call_id=None)
    insert_usages([row])
    assert row.key == (None, EMPTY.source_id, EMPTY.kind)
    assert not stored_usages([row.key])[row.key].is_estimated


def test_nothing_given_is_nothing_done() -> None:
    insert_usages([])
    assert stored_usages([]) == {}
    assert stored_usages([(uuid4(), "resp_1", "response")]) == {}
    assert not Row.objects.exists()
    assert not Session.objects.exists()
