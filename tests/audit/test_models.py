"""An audit row is added and read; no way of the ORM changes or deletes it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from backend.audit.models import (
    Action,
    AuditEntry,
    AuditReadOnly,
    Target,
    record,
    record_many,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(staff: User) -> AuditEntry:
    return record(staff, Action.CALL_ENDED, "call", "some-id", owner_id=7)


def test_a_row_says_who_did_what_to_whose_call_and_when(entry: AuditEntry, staff: User) -> None:
    row = AuditEntry.objects.get()
    assert (row.actor_id, row.actor_name, row.action) == (staff.pk, "staff", "call_ended")
    assert (row.target_type, row.target, row.owner_id) == ("call", "some-id", 7)
    assert row.at == entry.at


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda _: AuditEntry.objects.update(actor_name="somebody else"),
        lambda _: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["actor_name"]),
        lambda _: AuditEntry.objects.update_or_create(action="call_ended"),
    ],
    ids=["save", "delete", "update", "delete all", "bulk update", "update or create"],
)
def test_a_row_cannot_be_changed_or_deleted(
    entry: AuditEntry, change: Callable[[AuditEntry], Any]
) -> None:
    with pytest.raises(AuditReadOnly), transaction.atomic():
        change(entry)
    assert AuditEntry.objects.get().actor_name == "staff"


def test_a_new_row_cannot_take_a_stored_ones_id(entry: AuditEntry) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry(pk=entry.pk, actor_name="somebody else").save(force_update=True)
    assert AuditEntry.objects.get().actor_name == "staff"


def test_a_row_outlives_its_actor(entry: AuditEntry, staff: User) -> None:
    staff.delete()
    assert AuditEntry.objects.get().actor_name == "staff"


@pytest.mark.postgres
def test_many_rows_are_added_at_once(staff: User, django_assert_num_queries: Any) -> None:
    targets = [Target(number, owner_id=number + 1) for number in range(100)]
    with django_assert_num_queries(1):
        record_many(staff, Action.EXPORTED, "session", targets)
    rows = AuditEntry.objects.order_by("pk").values_list("actor_name", "target", "owner_id")
    assert list(rows) == [("staff", str(number), number + 1) for number in range(100)]
