"""Reserve a call or a session under its user's limits: exactly, over any number of processes.

The row itself is the reservation. These functions run inside the transaction that makes it
(`lifecycle.open_call`, `creating.create_session`): they lock and count; the row follows, and the
commit releases the lock. A call gives its place back when it ends, or, if its process died, when
its lease expires; at once where the process is known to be dead.

The locks, on PostgreSQL: the user's row, for the limits of the user, then an advisory lock, for the
limit of all calls. The session's row is locked before both (`lifecycle.lock_session`). The order is
always the same, so that there is no deadlock. SQLite has one writer at a time (`transaction_mode`
IMMEDIATE).

A call whose lease expired although its process lives reopens (`lifecycle.renew_leases`) without a
check: no running call is ended for a limit.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import Q
from django.db.models.functions import Now

from backend.conversations.models import Call, Session
from backend.conversations.processes import is_dead
from backend.database import current_alias
from backend.protocol.errors import AdmissionRefused
from backend.spending.limits import (
    CONTINUES_WITHIN,
    HOUR,
    CallCounts,
    CallLimits,
    PastCall,
    refusal_of,
    seconds_until_free,
)

ALL_CALLS_LOCK = 0x6B61697761
"""The key of the advisory lock of the limit of all calls: "kaiwa" in ASCII."""
_SLACK = timedelta(minutes=5)
"""How far the clocks of the servers, which write `Session.updated_at`, may differ."""

_OPEN = Q(ended_at__isnull=True)


def call_limits() -> CallLimits:
    """Return the limits of calls in the settings."""
    return CallLimits(
        at_once=settings.MAX_CALLS_PER_USER,
        at_once_in_all=settings.MAX_CALLS,
        per_hour=settings.CALLS_PER_HOUR,
    )


def reserve_call(session_id: UUID, user_id: int, now: datetime) -> None:
    """Check that the user may open a call on this locked session; nobody else opens one meanwhile.

    Raises AdmissionRefused: `too_many_calls`, `server_full` or `hourly_limit`.
    """
    limits = call_limits()
    if limits == CallLimits():
        return
    if limits.at_once or limits.per_hour:
        _lock_user(user_id)
    if limits.at_once_in_all:
        _lock_all_calls()
    own_at_once, at_once_in_all = _calls_at_once(session_id, user_id, now, limits)
    counts = CallCounts(
        session_id=session_id,
        now=now,
        at_once=own_at_once,
        at_once_in_all=at_once_in_all,
        past=_past_calls(user_id, now) if limits.per_hour else (),
    )
    if (refusal := refusal_of(limits, counts)) is not None:
        raise AdmissionRefused(refusal.ending, refusal.ending, retry_after_s=refusal.retry_after_s)


def reserve_session(user_id: int) -> float | None:
    """Return None if the user may create a session, else the seconds until they may.

    Nobody else creates one for this user until the transaction ends.
    """
    limit: int = settings.SESSIONS_PER_HOUR
    if not limit:
        return None
    _lock_user(user_id)
    recent = Session.with_deleted.filter(user_id=user_id, created_at__gt=Now() - HOUR)
    newest = recent.annotate(now=Now()).order_by("-created_at").values_list("created_at", "now")
    # Of the newest sessions the one that fills the limit; the order is by index.
    if (last := newest[limit - 1 : limit].first()) is None:
        return None
    created_at, now = last
    return seconds_until_free([created_at], 1, now)


def _calls_at_once(
    session_id: UUID, user_id: int, now: datetime, limits: CallLimits
) -> tuple[int, int]:
    """The open calls of the user and of all, without this session's and those of dead processes."""
    if not (limits.at_once or limits.at_once_in_all):
        return 0, 0
    calls = Call.objects.filter(_OPEN, lease_until__gt=now).exclude(session_id=session_id)
    if not limits.at_once_in_all:
        calls = calls.filter(session__user_id=user_id)
    rows = list(calls.order_by().values_list("session__user_id", "worker"))
    dead = _dead_among({worker for _, worker in rows})
    alive = [owner_id for owner_id, worker in rows if worker not in dead]
    return alive.count(user_id), len(alive)


def _dead_among(workers: Iterable[str]) -> set[str]:
    return {worker for worker in workers if is_dead(worker)}


def _past_calls(user_id: int, now: datetime) -> list[PastCall]:
    """The user's calls that started within the hour, and those that they may go on with."""
    hour_ago = now - HOUR
    recent = Session.with_deleted.filter(user_id=user_id, updated_at__gt=hour_ago - _SLACK)
    calls = Call.objects.filter(
        _OPEN | Q(started_at__gt=hour_ago) | Q(ended_at__gt=hour_ago - CONTINUES_WITHIN),
        session__in=recent.order_by(),
    )
    rows = calls.order_by().values_list("session_id", "started_at", "ended_at")
    return [PastCall(*row) for row in rows]


def _lock_user(user_id: int) -> None:
    """Lock the user's row until the transaction ends. Does nothing on SQLite.

    `no_key`, so that a session can be created for the user meanwhile.
    """
    list(User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk"))


def _lock_all_calls() -> None:
    connection = connections[current_alias()]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ALL_CALLS_LOCK])
