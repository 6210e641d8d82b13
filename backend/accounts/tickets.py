"""Tickets: one-use passes for a WebSocket handshake, issued over HTTP and valid for 30 seconds.

A browser cannot set headers on a WebSocket, and a token in a URL ends up in logs. Expiry is
compared with the database's clock, so that servers whose clocks differ agree. Written out, since
each connect of a page takes a ticket (`database.rows_of`).
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User

from backend.accounts.models import Ticket
from backend.database import (
    atomic,
    execute,
    now_sql,
    rows_of,
    soon_sql,
    time_of,
    uuid_parameter,
)
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused

LIFETIME = timedelta(seconds=30)
_LIFETIME_S = int(LIFETIME.total_seconds())
_SECRET_BYTES = 32
_TICKETS, _USERS = Ticket._meta.db_table, User._meta.db_table


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket in clear, which is never stored, and its expiry."""

    ticket: str
    expires_at: datetime


def delete_expired() -> int:
    """Delete all expired tickets. Returns their number."""
    return execute(f"DELETE FROM {_TICKETS} WHERE expires_at <= {now_sql()}")


def issue(user_id: int, session_id: UUID) -> IssuedTicket:
    """Return a new ticket for this user and session. Deletes all expired tickets as well."""
    ticket = secrets.token_urlsafe(_SECRET_BYTES)
    with atomic():
        ((expires_at,),) = rows_of(
            f"INSERT INTO {_TICKETS} (digest, user_id, session_id, expires_at)"
            f" VALUES (%s, %s, %s, {soon_sql(_LIFETIME_S)}) RETURNING expires_at",
            [_digest(ticket), user_id, uuid_parameter(session_id)],
        )
    # Afterwards: the row above waits, at the latest when it is committed, for a user who is being
    # erased, whose tickets go too. With some of them locked already, each would wait for the other.
    delete_expired()
    return IssuedTicket(ticket, time_of(expires_at))


def take(ticket: str, session_id: UUID) -> int:
    """Mark the ticket as used and return its user's id.

    One UPDATE decides, so that exactly one of any number of concurrent callers succeeds. The user
    is read afterwards: a join would turn the UPDATE's condition into a subquery, which PostgreSQL
    does not evaluate again after it has waited for another transaction's lock. Raises
    AdmissionRefused("ticket_invalid") for a ticket that is unknown, used, expired, of another
    session or of a disabled user.
    """
    with atomic():
        taken = rows_of(
            f"UPDATE {_TICKETS} SET used_at = {now_sql()} WHERE digest = %s AND session_id = %s"
            f" AND used_at IS NULL AND expires_at > {now_sql()} RETURNING user_id",
            [_digest(ticket), uuid_parameter(session_id)],
        )
        for (user_id,) in taken:
            if rows_of(f"SELECT 1 FROM {_USERS} WHERE id = %s AND is_active", [user_id]):
                return int(user_id)
    raise AdmissionRefused("ticket_invalid", Ending.UNAUTHENTICATED)


def revoke_all(user_id: int) -> None:
    """Delete every ticket of this user."""
    Ticket.objects.filter(user_id=user_id).delete()


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()
