"""One-use passes for a WebSocket handshake: issued over HTTP with a token, good for 30 seconds.

A browser cannot set headers on a WebSocket, and a token in a URL ends up in logs. Times are judged
by the database's clock, so that servers whose clocks differ agree.
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
from backend.protocol.errors import AdmissionRefused, Ending

LIFETIME = timedelta(seconds=30)
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """The ticket in clear, told once and never stored, and when it stops working."""

    ticket: str
    expires_at: datetime


def delete_expired() -> int:
    """Delete all expired tickets. Returns their number."""
    deleted, _ = Ticket.objects.filter(expires_at__lte=Now()).delete()
    return deleted


def issue(user_id: int, session_id: UUID) -> IssuedTicket:
    """A fresh ticket for this user and session. Everybody's expired rows are swept out too."""
    ticket = secrets.token_urlsafe(_SECRET_BYTES)
    delete_expired()
    # In one transaction: `revoke_all` must not delete the row before it is read.
    with transaction.atomic():
        row = Ticket.objects.create(
            digest=_digest(ticket),
            user_id=user_id,
            session_id=session_id,
            expires_at=Now() + LIFETIME,
        )
        row.refresh_from_db(fields=["expires_at"])
    return IssuedTicket(ticket, row.expires_at)


def take(ticket: str, session_id: UUID) -> int:
    """Use the ticket up; returns its user's id.

    One UPDATE decides, so that of any number of takers exactly one succeeds. The user is looked up
    afterwards: a join would turn the UPDATE's condition into a subquery, which PostgreSQL does not
    judge again after it has waited for another taker. Raises AdmissionRefused("ticket_invalid") for
    a ticket that is unknown, used, expired, another session's or of a user who may not sign in.
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
    """Make every ticket of this user useless."""
    Ticket.objects.filter(user_id=user_id).delete()


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()
