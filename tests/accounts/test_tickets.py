"""Tickets: one use, 30 s, one user, one session; the database has only hashes."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts import tickets, tokens
from backend.accounts.models import Ticket
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused

TAKERS = 20

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def refused(ticket: str, session_id: UUID) -> bool:
    try:
        tickets.take(ticket, session_id)
    except AdmissionRefused as error:
        assert (error.code, error.ending) == ("ticket_invalid", Ending.UNAUTHENTICATED)
        return True
    return False


def test_a_ticket_returns_its_user(owner: User) -> None:
    session_id = uuid4()
    assert tickets.take(tickets.issue(owner.pk, session_id).ticket, session_id) == owner.pk


def test_a_ticket_works_once(owner: User) -> None:
    session_id = uuid4()
    ticket = tickets.issue(owner.pk, session_id).ticket
    tickets.take(ticket, session_id)
    assert refused(ticket, session_id)


def test_a_ticket_works_for_its_own_session_only_and_is_not_used_up_by_another(owner: User) -> None:
    session_id = uuid4()
    ticket = tickets.issue(owner.pk, session_id).ticket
    assert refused(ticket, uuid4())
    assert tickets.take(ticket, session_id) == owner.pk


def test_a_ticket_works_for_thirty_seconds(owner: User) -> None:
    issued = tickets.issue(owner.pk, uuid4())
    age = issued.expires_at - timezone.now()
    assert timedelta(seconds=25) < age <= timedelta(seconds=31)


def test_an_expired_ticket_is_refused(owner: User) -> None:
    session_id = uuid4()
    ticket = tickets.issue(owner.pk, session_id).ticket
    Ticket.objects.update(expires_at=Now() - timedelta(milliseconds=5))
    assert refused(ticket, session_id)


def test_issuing_deletes_expired_tickets(owner: User, stranger: User) -> None:
    tickets.issue(stranger.pk, uuid4())
    Ticket.objects.update(expires_at=Now() - timedelta(seconds=1))
    tickets.issue(owner.pk, uuid4())
    assert Ticket.objects.get().user == owner


def test_only_expired_tickets_are_deleted(owner: User) -> None:
    tickets.issue(owner.pk, uuid4())
    # By the database's clock: SQLite's counts whole milliseconds, so Python's may be ahead of it.
    Ticket.objects.update(expires_at=Now() - timedelta(milliseconds=5))
    assert tickets.delete_expired() == 1
    tickets.issue(owner.pk, uuid4())
    assert tickets.delete_expired() == 0
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("ticket", ["", "nonsense", "x" * 5000, "切符", "\ud800", "a\0b"])
def test_nonsense_is_refused(db: None, ticket: str) -> None:
    assert refused(ticket, uuid4())


def test_a_disabled_users_ticket_is_refused(owner: User) -> None:
    session_id = uuid4()
    ticket = tickets.issue(owner.pk, session_id).ticket
    User.objects.update(is_active=False)
    assert refused(ticket, session_id)


def test_logging_out_revokes_tickets(owner: User) -> None:
    session_id = uuid4()
    ticket = tickets.issue(owner.pk, session_id).ticket
    tokens.revoke(owner.pk)
    assert refused(ticket, session_id)


def test_only_a_hash_is_stored(owner: User) -> None:
    ticket = tickets.issue(owner.pk, uuid4()).ticket
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Ticket._meta.db_table}")
        row = " ".join(map(str, cursor.fetchone()))
    assert ticket not in row
    assert hashlib.sha256(ticket.encode()).hexdigest() in row


def test_tickets_are_long_and_different(owner: User) -> None:
    issued = {tickets.issue(owner.pk, uuid4()).ticket for _ in range(10)}
    assert len(issued) == 10
    assert all(len(ticket) == 43 for ticket in issued)


@pytest.mark.django_db(transaction=True)
def test_of_twenty_concurrent_uses_of_a_ticket_one_succeeds(owner: User) -> None:
    session_id = uuid4()
    ticket = tickets.issue(owner.pk, session_id).ticket
    start = Barrier(TAKERS)

    def take() -> bool:
        try:
            start.wait()
            return not refused(ticket, session_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(TAKERS) as pool:
        taken = list(pool.map(lambda _: take(), range(TAKERS)))
    assert taken.count(True) == 1
