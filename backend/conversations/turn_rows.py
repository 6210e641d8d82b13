"""Reads and upserts the rows of turns without model instances: a growing answer is written often.

With 100 calls a batch has about 100 turns. `bulk_create` and model instances cost 0.3 ms of
processor time a turn, in a thread that keeps the event loop, and so every voice, waiting; this
costs a fifth of it (`python -m bench.recorder`).
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from backend.conversations.folding import folded
from backend.conversations.models import Turn
from backend.database import placeholders, this_connection, uuid_of, uuid_parameter
from backend.protocol.transcript import turns

KEY = ("session_id", "item_id", "content_index")
"""The columns of `turn_told_once`."""
_KEPT = ("call_id", "is_reported")
"""What a row keeps: a client may choose item ids, and a row belongs to its first writer."""
_UPDATED = (
    "role", "modality", "text", "search_text", "heard_text", "heard_ms", "status", "position",
    "started_at", "completed_at", "first_sound_ms",
)  # fmt: skip
_COLUMNS = (*KEY, *_KEPT, *_UPDATED)


class StoredTurn(NamedTuple):
    """What a write has to know about a row that is there already."""

    session_id: UUID
    item_id: str
    content_index: int
    call_id: UUID | None
    position: int
    status: str

    @property
    def key(self) -> tuple[UUID, str, int]:
        """The values of `KEY`."""
        return self.session_id, self.item_id, self.content_index


def stored_turns(session_ids: Collection[UUID], item_ids: Collection[str]) -> list[StoredTurn]:
    """The rows of these items in these sessions, and possibly others of the same names."""
    if not session_ids or not item_ids:
        return []
    connection = this_connection()
    sql = (
        f"{_SELECT} WHERE session_id IN ({placeholders(session_ids)})"
        f" AND item_id IN ({placeholders(item_ids)})"
    )
    given = [*(uuid_parameter(connection, each) for each in session_ids), *item_ids]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        rows = cursor.fetchall()
    return [
        StoredTurn(uuid_of(session_id), item_id, index, call_id and uuid_of(call_id), *rest)
        for session_id, item_id, index, call_id, *rest in rows
    ]


def upsert(rows: Iterable["TurnRow"]) -> None:
    """Insert these rows, or update those that have the same key. No key may come twice."""
    connection = this_connection()
    values = [_values(row, connection) for row in rows]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_UPSERT, values)


class TurnRow(NamedTuple):
    """A turn to store, with its place in the session."""

    session_id: UUID
    call_id: UUID | None
    is_reported: bool
    position: int
    turn: turns.Turn


def _values(row: TurnRow, connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    """The values of `_COLUMNS` as the driver wants them. SQLite has no type for times."""
    turn, time_of = row.turn, connection.ops.adapt_datetimefield_value
    return (
        uuid_parameter(connection, row.session_id), turn.item_id, turn.content_index,
        uuid_parameter(connection, row.call_id), row.is_reported,
        str(turn.role), str(turn.modality), turn.text, folded(turn.text), turn.heard_text,
        turn.heard_ms, str(turn.status), row.position, time_of(turn.started_at),
        time_of(turn.completed_at), turn.first_sound_ms,
    )  # fmt: skip


_TABLE = Turn._meta.db_table
_SELECT = f"SELECT {', '.join(StoredTurn._fields)} FROM {_TABLE}"
_UPSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({placeholders(_COLUMNS)})"
    f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _UPDATED)
)
