"""Locks the rows of sessions for a write, and reads the columns that a write needs."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from backend.conversations.models import Session
from backend.database import placeholders, this_connection, uuid_of, uuid_parameter


class LockedSession(NamedTuple):
    """A session whose row is locked until the transaction ends."""

    pk: UUID
    user_id: int
    title: str
    realtime_mode: bool
    title_source: str


def lock_sessions(ids: Collection[UUID]) -> dict[UUID, LockedSession]:
    """Lock the rows of these sessions, of those that are still there.

    In one order, so that two workers cannot deadlock; and a session cannot be deleted before the
    commit. A hidden session is among them: what its call said is there again if it is restored.
    Written out for the same reason as `turn_rows`.
    """
    if not ids:
        return {}
    connection = this_connection()
    sql = f"{_SELECT} WHERE id IN ({placeholders(ids)}) ORDER BY id"
    if connection.features.has_select_for_no_key_update:
        sql += f" {connection.ops.for_update_sql(no_key=True)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, [uuid_parameter(connection, each) for each in ids])
        rows = cursor.fetchall()
    return {
        (pk := uuid_of(stored)): LockedSession(pk, user_id, title, bool(realtime_mode), source)
        for stored, user_id, title, realtime_mode, source in rows
    }


def touch_sessions(ids: Collection[UUID], now: datetime) -> None:
    """Set `updated_at` of these sessions, which are locked, in one statement."""
    if not ids:
        return
    connection = this_connection()
    sql = f"UPDATE {Session._meta.db_table} SET updated_at = %s WHERE id IN ({placeholders(ids)})"
    given = [uuid_parameter(connection, each) for each in ids]
    with connection.cursor() as cursor:
        cursor.execute(sql, [connection.ops.adapt_datetimefield_value(now), *given])


_SELECT = f"SELECT id, user_id, title, realtime_mode, title_source FROM {Session._meta.db_table}"
