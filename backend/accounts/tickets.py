"""Tickets: one-use passes for a WebSocket handshake, issued over HTTP and valid for 30 seconds.

A browser cannot set headers on a WebSocket, and a token in a URL ends up in logs. Expiry is
compared with the database's clock, so that servers whose clocks differ agree.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.functions import Now

from backend.accounts.models import Ticket
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused

LIFETIME = timedelta(seconds=30)
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket in clear, which is never stored, and its expiry."""

    ticket: str
    expires_at: datetime


def delete_expired() -> int:
    """Delete all expired tickets. Returns their number."""
    deleted, _ = Ticket.objects.filter(expires_at__lte=Now()).delete()
    return deleted


def issue(user_id: int, session_id: UUID) -> IssuedTicket:
    """Return a new ticket for this user and session. Deletes all expired tickets as well."""
    ticket = secrets.token_urlsafe(_SECRET_BYTES)
    # In one transaction: `revoke_all` must not delete the row before it is read.
    with transaction.atomic():
        row = Ticket.objects.create(
            digest=_digest(ticket),
            user_id=user_id,
            session_id=session_id,
            expires_at=Now() + LIFETIME,
        )
        row.refresh_from_db(fields=["expires_at"])
        # Last: the row above waits for a user who is being erased, whose tickets go too. With some
        # of them locked already, each would wait for the other.
        delete_expired()
    return IssuedTicket(ticket, row.expires_at)


def take(ticket: str, session_id: UUID) -> int:
    """Mark the ticket as used and return its user's id.

    One UPDATE decides, so that exactly one of any number of concurrent callers succeeds. The user
    is read afterwards: a join would turn the UPDATE's condition into a subquery, which PostgreSQL
    does not evaluate again after it has waited for another transaction's lock. Raises
    AdmissionRefused("ticket_invalid") for a ticket that is unknown, used, expired, of another
    session or of a disabled user.
    """
    digest = _digest(ticket)
    with transaction.atomic():
        taken = Ticket.objects.filter(
            digest=digest, session_id=session_id, used_at__isnull=True, expires_at__gt=Now()
        ).update(used_at=Now())
        users = get_user_model().objects.filter(tickets__digest=digest, is_active=True)
        user_id = users.values_list("pk", flat=True).first() if taken else None
    if user_id is None:
        raise AdmissionRefused("ticket_invalid", Ending.UNAUTHENTICATED)
    return user_id


def revoke_all(user_id: int) -> None:
    """Delete every ticket of this user."""
    Ticket.objects.filter(user_id=user_id).delete()


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()
