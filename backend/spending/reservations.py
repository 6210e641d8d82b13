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
from collections.abc import Iterable, Mapping
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
_CallRow = tuple[UUID, datetime, datetime | None, datetime, str]
"""A call's session, start, end, lease and worker."""


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
    own = _calls_of(user_id, now) if limits.at_once or limits.per_hour else []
    counts = CallCounts(
        session_id=session_id,
        now=now,
        at_once=_at_once_among(own, session_id, now),
        at_once_in_all=_at_once_in_all(session_id, now) if limits.at_once_in_all else 0,
        past=[PastCall(*row[:3]) for row in own],
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


def _calls_of(user_id: int, now: datetime) -> list[_CallRow]:
    """The user's open calls, those that started within the hour, and those they may go on with.

    One query, of the sessions that were active within the hour, by index: a call writes its
    session's `updated_at` when it opens and with each turn, and one without turns ends as `idle`.
    Asked for the open calls by their user, PostgreSQL took 50 ms with 2,000 sessions.
    """
    hour_ago = now - HOUR
    recent = Session.with_deleted.filter(user_id=user_id, updated_at__gt=hour_ago - _SLACK)
    calls = Call.objects.filter(
        _OPEN | Q(started_at__gt=hour_ago) | Q(ended_at__gt=hour_ago - CONTINUES_WITHIN),
        session__in=recent.order_by(),
    )
    columns = ("session_id", "started_at", "ended_at", "lease_until", "worker")
    return list(calls.order_by().values_list(*columns))


def _at_once_among(calls: Iterable[_CallRow], session_id: UUID, now: datetime) -> int:
    """Count those that are open in other sessions, without those of dead processes."""
    workers = Counter(
        worker
        for call_session_id, _, ended_at, lease_until, worker in calls
        if ended_at is None and lease_until > now and call_session_id != session_id
    )
    return _of_living(workers)


def _at_once_in_all(session_id: UUID, now: datetime) -> int:
    """Count all users' open calls in other sessions, without those of dead processes."""
    calls = Call.objects.filter(_OPEN, lease_until__gt=now).exclude(session_id=session_id)
    by_worker = calls.order_by().values_list("worker").annotate(number=Count("pk"))
    return _of_living(dict(by_worker))


def _of_living(calls_by_worker: Mapping[str, int]) -> int:
    return sum(number for worker, number in calls_by_worker.items() if not is_dead(worker))


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
