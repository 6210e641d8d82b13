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

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import Count, Q
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
    is_counting = limits.at_once or limits.at_once_in_all
    open_calls = _open_calls(session_id, now) if is_counting else Counter()
    counts = CallCounts(
        session_id=session_id,
        now=now,
        at_once=open_calls[user_id],
        at_once_in_all=open_calls.total(),
        past=_calls_of_the_hour(user_id, now) if limits.per_hour else [],
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


def _calls_of_the_hour(user_id: int, now: datetime) -> list[PastCall]:
    """The user's calls that started within the hour, and those they may go on with.

    One query, of the sessions that were active within the hour, by index: a call writes its
    session's `updated_at` when it opens and with each turn. Asked for the calls by their user,
    PostgreSQL took 50 ms with 2,000 sessions.
    """
    hour_ago = now - HOUR
    recent = Session.with_deleted.filter(user_id=user_id, updated_at__gt=hour_ago - _SLACK)
    calls = Call.objects.filter(
        _OPEN | Q(started_at__gt=hour_ago) | Q(ended_at__gt=hour_ago - CONTINUES_WITHIN),
        session__in=recent.order_by(),
    )
    rows = calls.order_by().values_list("session_id", "started_at", "ended_at")
    return [PastCall(*row) for row in rows]


def _open_calls(session_id: UUID, now: datetime) -> Counter[int | None]:
    """Count the open calls in other sessions by user, without those of dead processes.

    Those of all users, by the index of open calls. A session's `updated_at` says nothing about
    them: a client that sends events but no words keeps a call open for hours without a turn.
    """
    calls = Call.objects.filter(_OPEN, lease_until__gt=now).exclude(session_id=session_id)
    by_user = calls.order_by().values_list("session__user_id", "worker")
    counts = Counter[int | None]()
    are_dead: dict[str, bool] = {}
    for user_id, worker, number in by_user.annotate(number=Count("pk")):
        if worker not in are_dead:
            are_dead[worker] = is_dead(worker)
        counts[user_id] += 0 if are_dead[worker] else number
    return counts


def _lock_user(user_id: int) -> None:
    """Lock the user's row until the transaction ends; on SQLite the transaction is the lock.

    `no_key`: rows that refer to the user can be written meanwhile.
    """
    if connections[current_alias()].features.has_select_for_update:
        list(User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk"))


def _lock_all_calls() -> None:
    connection = connections[current_alias()]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ALL_CALLS_LOCK])
