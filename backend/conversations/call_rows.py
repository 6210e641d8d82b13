"""Reads and writes the rows that a call's opening and its end need, without the ORM.

Written out for the same reason as `turn_rows`: of the processor time of a connect the ORM took a
third. `lifecycle` decides, inside its transactions.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from backend.conversations.models import Call, Reply, Session, Turn
from backend.database import (
    execute,
    for_update_sql,
    now_sql,
    placeholders,
    rows_of,
    time_of,
    time_parameter,
    uuid_of,
    uuid_parameter,
)
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus


class NewCall(NamedTuple):
    """A call that opens. The names are those of its row's columns."""

    id: UUID
    session_id: UUID
    worker: str
    provider: str
    model: str
    transcription_model: str
    transport: str
    first_position: int
    login_at: datetime | None
    started_at: datetime
    lease_until: datetime


class OpenRow(NamedTuple):
    """A session's call that has not ended."""

    pk: UUID
    worker: str
    started_at: datetime
    lease_until: datetime


class LockedCall(NamedTuple):
    """A call whose row is locked until the transaction ends, and the database's time.

    `ending` is empty while the call is open.
    """

    ending: str
    started_at: datetime
    now: datetime


def open_call_in(session_id: UUID) -> OpenRow | None:
    """The session's call that has not ended; there is one at most."""
    rows = rows_of(
        f"SELECT id, worker, started_at, lease_until FROM {_CALLS}"
        " WHERE session_id = %s AND ended_at IS NULL",
        [uuid_parameter(session_id)],
    )
    for pk, worker, started_at, lease_until in rows:
        return OpenRow(uuid_of(pk), worker, time_of(started_at), time_of(lease_until))
    return None


def has_running_reply(session_id: UUID, now: datetime) -> bool:
    """Whether a typed answer runs in the session, whose process is not presumed dead."""
    return bool(
        rows_of(
            f"SELECT 1 FROM {_REPLIES} WHERE session_id = %s AND status = %s AND lease_until > %s",
            [uuid_parameter(session_id), TurnStatus.IN_PROGRESS.value, time_parameter(now)],
        )
    )


def insert(call: NewCall) -> None:
    """Insert the row of a call that opens."""
    values = (
        uuid_parameter(value)
        if isinstance(value, UUID)
        else time_parameter(value)
        if isinstance(value, datetime)
        else value
        for value in call
    )
    execute(_INSERT, [*values, "", ""])


def take_positions(call: NewCall, next_position: int) -> None:
    """Write to the locked session that this call has opened, and the next call's first position."""
    execute(
        f"UPDATE {_SESSIONS} SET provider = %s, model = %s, next_position = %s, updated_at = %s"
        " WHERE id = %s",
        [
            call.provider,
            call.model,
            next_position,
            time_parameter(call.started_at),
            uuid_parameter(call.session_id),
        ],
    )


def lock_call(call_id: UUID) -> LockedCall | None:
    """Lock the row of a call; None if it was deleted."""
    rows = rows_of(
        f"SELECT ending, started_at, {now_sql()} FROM {_CALLS} WHERE id = %s{for_update_sql()}",
        [uuid_parameter(call_id)],
    )
    for ending, started_at, now in rows:
        return LockedCall(ending, time_of(started_at), time_of(now))
    return None


def write_ending(call_id: UUID, ending: Ending, ended_at: datetime) -> None:
    """Write the ending of a locked call. None of its turns stays in progress."""
    execute(
        f"UPDATE {_CALLS} SET ended_at = %s, ending = %s WHERE id = %s",
        [time_parameter(ended_at), ending.value, uuid_parameter(call_id)],
    )
    execute(
        f"UPDATE {_TURNS} SET status = %s WHERE call_id = %s AND status = %s",
        [TurnStatus.INTERRUPTED.value, uuid_parameter(call_id), TurnStatus.IN_PROGRESS.value],
    )


_CALLS, _REPLIES = Call._meta.db_table, Reply._meta.db_table
_SESSIONS, _TURNS = Session._meta.db_table, Turn._meta.db_table
_COLUMNS = (*NewCall._fields, "ending", "requested_ending")
_INSERT = f"INSERT INTO {_CALLS} ({', '.join(_COLUMNS)}) VALUES ({placeholders(_COLUMNS)})"
