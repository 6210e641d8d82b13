"""Locking the rows of sessions: which are locked, and what is read of them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.conversations.models import Session
from backend.conversations.session_locks import LockedSession, lock_sessions, touch_sessions
from backend.database import atomic
from tests.conversations.equipment import new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_it_reads_what_a_write_needs(owner: User) -> None:
    session = new_session(owner, title="質問 'a'", realtime_mode=True)
    untitled = new_session(owner)
    with atomic():
        locked = lock_sessions({session.pk, untitled.pk})
    assert locked == {
        session.pk: LockedSession(session.pk, owner.pk, "質問 'a'", True, "words"),
        untitled.pk: LockedSession(untitled.pk, owner.pk, "", False, "words"),
    }
    assert {type(each.realtime_mode) for each in locked.values()} == {bool}


def test_a_hidden_session_is_locked_and_one_that_is_gone_is_not(owner: User) -> None:
    hidden = new_session(owner)
    Session.objects.filter(pk=hidden.pk).update(deleted_at=timezone.now())
    with atomic():
        assert set(lock_sessions([hidden.pk, uuid4()])) == {hidden.pk}
        assert lock_sessions([]) == {}


def test_the_rows_are_locked_in_one_order(owner: User) -> None:
    sessions = [new_session(owner).pk for _ in range(5)]
    with atomic(), CaptureQueriesContext(connection) as queries:
        locked = lock_sessions(sessions)
    assert list(locked) == sorted(sessions)
    (query,) = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
    assert query.endswith("FOR NO KEY UPDATE") is (connection.vendor == "postgresql")


def test_touching_sessions_takes_one_statement(owner: User) -> None:
    touched, other = [new_session(owner) for _ in range(2)], new_session(owner)
    Session.objects.filter(pk=touched[1].pk).update(deleted_at=timezone.now())
    later = timezone.now() + timedelta(hours=1, microseconds=7)
    with CaptureQueriesContext(connection) as queries:
        touch_sessions({each.pk for each in touched}, later)
        touch_sessions(set(), later)
    assert len(queries) == 1
    dates = dict(Session.with_deleted.values_list("pk", "updated_at"))
    assert {pk for pk, at in dates.items() if at == later} == {each.pk for each in touched}
    assert dates[other.pk] == other.updated_at
