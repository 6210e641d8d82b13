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
from backend.database import (
    pairs_table,
    placeholders,
    rows_of,
    this_connection,
    uuid_of,
    uuid_parameter,
)
from backend.protocol.transcript import turns

KEY = ("session_id", "item_id", "content_index")
"""The columns of `turn_told_once`."""
_KEPT = ("call_id", "is_reported")
"""What a row keeps: a client may choose item ids, and a row belongs to its first writer."""
_PLACE = ("role", "modality", "status", "position")
_GROWING = (
    "text", "search_text", "heard_text", "heard_ms", "started_at", "completed_at",
    "first_sound_ms",
)  # fmt: skip
_UPDATED = (*_PLACE, *_GROWING)
_COLUMNS = (*KEY, *_KEPT, *_UPDATED)
_FIRST_GROWING = -len(_GROWING)


TurnKey = tuple[int, str, int]
"""The values of `KEY`, of the session's id its integer: a UUID's own hash is computed in Python."""


class StoredTurn(NamedTuple):
    """What a write has to know about a row that is there already."""

    session_id: UUID
    item_id: str
    content_index: int
    call_id: UUID | None
    id: int
    role: str
    modality: str
    status: str
    position: int

    @property
    def key(self) -> TurnKey:
        """What the row is found by."""
        return self.session_id.int, self.item_id, self.content_index

    def has_place_of(self, row: "TurnRow") -> bool:
        """Whether the row has the role, modality, status and position already: all that is indexed.

        So it is with the versions of an answer that grows.
        """
        turn = row.turn
        given = (turn.role, turn.modality, turn.status, row.position)
        return (self.role, self.modality, self.status, self.position) == given


def stored_turns(items: Collection[tuple[UUID, str]]) -> list[StoredTurn]:
    """The rows of these items, each with its session's id, of all their content indexes."""
    if not items:
        return []
    given = [
        value for session_id, item_id in items for value in (uuid_parameter(session_id), item_id)
    ]
    rows = rows_of(f"{pairs_table('item', 'session_id', 'item_id', items)} {_SELECT}", given)
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


def grow(rows: Iterable[tuple[int, "TurnRow"]]) -> None:
    """Update these rows, each with its id, of which each `has_place_of` the turn that it is given.

    This takes a quarter of the time of `upsert`, which writes the entries of the indexes anew.
    """
    connection = this_connection()
    values = [(*_values(row, connection)[_FIRST_GROWING:], row_id) for row_id, row in rows]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_GROW, values)


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
        uuid_parameter(row.session_id), turn.item_id, turn.content_index,
        uuid_parameter(row.call_id), row.is_reported,
        str(turn.role), str(turn.modality), str(turn.status), row.position,
        turn.text, folded(turn.text), turn.heard_text, turn.heard_ms, time_of(turn.started_at),
        time_of(turn.completed_at), turn.first_sound_ms,
    )  # fmt: skip


_TABLE = Turn._meta.db_table
_SELECT = (
    f"SELECT {', '.join(f'stored.{name}' for name in StoredTurn._fields)}"
    f" FROM item CROSS JOIN {_TABLE} stored"
    " WHERE stored.session_id = item.session_id AND stored.item_id = item.item_id"
)
_UPSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({placeholders(_COLUMNS)})"
    f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _UPDATED)
)
_GROW = f"UPDATE {_TABLE} SET {', '.join(f'{name} = %s' for name in _GROWING)} WHERE id = %s"
