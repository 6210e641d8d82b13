"""Locks the rows of sessions for a write, and reads the columns that a write needs.

Written out for the same reason as `turn_rows`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from backend.conversations.models import Session
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
    uuid_parameters,
)


class LockedSession(NamedTuple):
    """A session whose row is locked until the transaction ends."""

    pk: UUID
    user_id: int
    title: str
    realtime_mode: bool
    title_source: str


class OwnSession(NamedTuple):
    """A user's session whose row is locked until the transaction ends, and the database's time.

    `voice` is the one that the user chose, or empty (`models.voice_in_use`).
    """

    pk: UUID
    language: str
    voice: str
    provider: str
    next_position: int
    is_closed: bool
    now: datetime


def lock_own_session(session_id: UUID, user_id: int) -> OwnSession | None:
    """Lock the row of the user's session. None if they have no such session, or have deleted it."""
    rows = rows_of(
        "SELECT language, voice, provider, next_position, closed_at IS NOT NULL,"
        f" {now_sql()} FROM {_TABLE} WHERE id = %s AND user_id = %s AND deleted_at IS NULL"
        f"{for_update_sql()}",
        [uuid_parameter(session_id), user_id],
    )
    for language, voice, provider, next_position, is_closed, now in rows:
        return OwnSession(
            session_id, language, voice, provider, next_position, bool(is_closed), time_of(now)
        )
    return None


def lock_sessions(ids: Collection[UUID]) -> dict[UUID, LockedSession]:
    """Lock the rows of these sessions, of those that are still there.

    In one order, so that two workers cannot deadlock; and a session cannot be deleted before the
    commit. A hidden session is among them: what its call said is there again if it is restored.
    """
    if not ids:
        return {}
    rows = rows_of(
        f"{_SELECT} WHERE id IN ({placeholders(ids)}) ORDER BY id{for_update_sql()}",
        uuid_parameters(ids),
    )
    return {
        (pk := uuid_of(stored)): LockedSession(pk, user_id, title, bool(realtime_mode), source)
        for stored, user_id, title, realtime_mode, source in rows
    }


def touch_sessions(ids: Collection[UUID], now: datetime) -> None:
    """Set `updated_at` of these sessions, which are locked, in one statement."""
    if not ids:
        return
    execute(
        f"UPDATE {_TABLE} SET updated_at = %s WHERE id IN ({placeholders(ids)})",
        [time_parameter(now), *uuid_parameters(ids)],
    )


def own_provider(session_id: UUID, user_id: int) -> str | None:
    """The provider of the user's session, without a lock. None as for `lock_own_session`."""
    rows = rows_of(
        f"SELECT provider FROM {_TABLE} WHERE id = %s AND user_id = %s AND deleted_at IS NULL",
        [uuid_parameter(session_id), user_id],
    )
    return str(rows[0][0]) if rows else None


def is_open_session(session_id: UUID, user_id: int) -> bool:
    """Whether the user has this session, and has neither closed nor deleted it."""
    return bool(
        rows_of(
            f"SELECT 1 FROM {_TABLE} WHERE id = %s AND user_id = %s AND deleted_at IS NULL"
            " AND closed_at IS NULL",
            [uuid_parameter(session_id), user_id],
        )
    )


_TABLE = Session._meta.db_table
_SELECT = f"SELECT id, user_id, title, realtime_mode, title_source FROM {_TABLE}"
