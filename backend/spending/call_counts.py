"""Reads the calls that the limits of calls count, without the ORM: each call that opens asks.

Written out for the same reason as `conversations.turn_rows`.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from backend.conversations.models import Call, Session
from backend.database import (
    rows_of,
    time_of,
    time_parameter,
    uuid_of,
    uuid_parameter,
)
from backend.spending.limits import CONTINUES_WITHIN, HOUR, PastCall

SLACK = timedelta(minutes=5)
"""How far the clocks of the servers, which write `Session.updated_at`, may differ."""


class OpenCallGroup(NamedTuple):
    """Open calls of one user, in one process, with the same models."""

    user_id: int
    worker: str
    model: str
    transcription_model: str
    number: int


def open_call_groups(now: datetime, without: UUID | None = None) -> list[OpenCallGroup]:
    """The open calls of all users whose lease has not expired, but for that of one session.

    One query, by the index of open calls.
    """
    given = [time_parameter(now)]
    others = ""
    if without is not None:
        others = " AND calls.session_id <> %s"
        given.append(uuid_parameter(without))
    rows = rows_of(f"{_OPEN_CALLS}{others} GROUP BY {_GROUP}", given)
    return [OpenCallGroup._make(row) for row in rows]


def calls_of_the_hour(user_id: int, now: datetime) -> list[PastCall]:
    """The user's calls that started within the hour, and those they may go on with.

    One query, of the sessions that were active within the hour, by index: a call writes its
    session's `updated_at` when it opens and with each turn. Asked for the calls by their user,
    PostgreSQL took 50 ms with 2,000 sessions.
    """
    hour_ago = now - HOUR
    times = (hour_ago - SLACK, hour_ago, hour_ago - CONTINUES_WITHIN)
    rows = rows_of(_CALLS_OF_THE_HOUR, [user_id, *map(time_parameter, times)])
    return [
        PastCall(uuid_of(session_id), time_of(started_at), ended_at and time_of(ended_at))
        for session_id, started_at, ended_at in rows
    ]


_CALLS, _SESSIONS = Call._meta.db_table, Session._meta.db_table
_GROUP = "sessions.user_id, calls.worker, calls.model, calls.transcription_model"
_OPEN_CALLS = (
    f"SELECT {_GROUP}, COUNT(*) FROM {_CALLS} calls"
    f" JOIN {_SESSIONS} sessions ON sessions.id = calls.session_id"
    " WHERE calls.ended_at IS NULL AND calls.lease_until > %s"
)
_CALLS_OF_THE_HOUR = (
    f"SELECT session_id, started_at, ended_at FROM {_CALLS}"
    f" WHERE session_id IN (SELECT id FROM {_SESSIONS} WHERE user_id = %s AND updated_at > %s)"
    " AND (ended_at IS NULL OR started_at > %s OR ended_at > %s)"
)
