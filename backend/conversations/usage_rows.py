"""Reads and inserts the rows of usages without model instances, as `turn_rows` does those of turns.

With 100 calls that talk, 70 usages a second are stored. `bulk_create` and model instances cost
0.2 ms of processor time a row, in a thread that keeps the event loop, and so every voice, waiting.
"""

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from backend.conversations.models import COST_DIGITS, COST_PLACES, Usage
from backend.database import (
    pairs_table,
    placeholders,
    rows_of,
    this_connection,
    uuid_of,
    uuid_parameter,
)
from backend.protocol import usage

COUNTS = (
    "text_in", "text_in_cached", "audio_in", "audio_in_cached", "image_in", "image_in_cached",
    "text_out", "audio_out", "seconds",
)  # fmt: skip
"""What is counted: columns of the table, and fields of `protocol.usage.Usage`."""

UsageKey = tuple[UUID | int | None, str, str]
"""The session's id, or the user's if the session is gone; the source's id; the kind."""


class UsageRow(NamedTuple):
    """A usage to store. Its counts are those of `used`."""

    user_id: int | None
    session_id: UUID | None
    call_id: UUID | None
    used: usage.Usage
    model: str
    cost_usd: Decimal | None
    price_date: date | None

    @property
    def key(self) -> UsageKey:
        """What it is found by."""
        owner = self.user_id if self.session_id is None else self.session_id
        return owner, self.used.source_id, self.used.kind


class StoredUsage(NamedTuple):
    """What a write has to know about a row that is there already."""

    pk: int
    is_estimated: bool


def insert_usages(rows: Collection[UsageRow]) -> None:
    """Insert these rows, except those that are there already."""
    if not rows:
        return
    connection = this_connection()
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, [_values(row, connection, now) for row in rows])


def stored_usages(keys: Iterable[UsageKey]) -> dict[UsageKey, StoredUsage]:
    """The rows that have these keys, and possibly others of the same sources."""
    found: dict[UsageKey, StoredUsage] = {}
    in_session = {(owner, source_id) for owner, source_id, _ in keys if isinstance(owner, UUID)}
    without = {source_id for owner, source_id, _ in keys if not isinstance(owner, UUID)}
    if in_session:
        found |= _of_sessions(in_session)
    if without:
        # Also those that were stored before their session was deleted.
        rows = Usage.objects.filter(session=None, source_id__in=without)
        for pk, user_id, source_id, kind, is_estimated in rows.values_list(
            "pk", "user_id", "source_id", "kind", "is_estimated"
        ):
            found[user_id, source_id, kind] = StoredUsage(pk, is_estimated)
    return found


def _of_sessions(sources: Collection[tuple[UUID, str]]) -> dict[UsageKey, StoredUsage]:
    given = [
        value
        for session_id, source_id in sources
        for value in (uuid_parameter(session_id), source_id)
    ]
    rows = rows_of(f"{pairs_table('source', 'session_id', 'source_id', sources)} {_SELECT}", given)
    return {
        (uuid_of(session_id), source_id, kind): StoredUsage(pk, bool(is_estimated))
        for pk, session_id, source_id, kind, is_estimated in rows
    }


def _values(row: UsageRow, connection: BaseDatabaseWrapper, now: Any) -> tuple[Any, ...]:
    """The values of `_COLUMNS` as the driver wants them. SQLite has no type for most of them."""
    used, operations = row.used, connection.ops
    return (
        row.user_id, uuid_parameter(row.session_id),
        uuid_parameter(row.call_id), used.source_id, used.item_id, used.kind, row.model,
        operations.adapt_decimalfield_value(row.cost_usd, COST_DIGITS, COST_PLACES),
        operations.adapt_datefield_value(row.price_date), used.is_estimated, now,
        used.text_in, used.text_in_cached, used.audio_in, used.audio_in_cached, used.image_in,
        used.image_in_cached, used.text_out, used.audio_out, used.seconds,
    )  # fmt: skip


_TABLE = Usage._meta.db_table
_COLUMNS = (
    "user_id", "session_id", "call_id", "source_id", "item_id", "kind", "model", "cost_usd",
    "price_date", "is_estimated", "created_at", *COUNTS,
)  # fmt: skip
_INSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({placeholders(_COLUMNS)})"
    " ON CONFLICT DO NOTHING"
)
_SELECT = (
    "SELECT stored.id, stored.session_id, stored.source_id, stored.kind, stored.is_estimated"
    f" FROM source CROSS JOIN {_TABLE} stored"
    " WHERE stored.session_id = source.session_id AND stored.source_id = source.source_id"
)
