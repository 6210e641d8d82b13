"""The database: which errors mean that it is unavailable, and which connection pool a thread uses.

On PostgreSQL the alias `recorder` is the same database with a small pool of its own
(`settings.DATABASES`). The recorder and the heartbeat use it: were they to share the requests'
pool, requests that hang on a lock would keep them from writing, and the other way round. Queries
do not name the alias: a thread chooses it once (`use_alias`), and the database router returns it. A
transaction has to name its alias, so code that may run in such a thread uses `atomic`.
"""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence, Sized
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic
from django.db.transaction import atomic as django_atomic

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
"""Raised while the database is away, busy, locked or read-only: a later retry can succeed.

PostgreSQL raises InternalError while it is read-only: in a failover, or when its disk is full.
"""

RECORDER = "recorder"

_this_thread = threading.local()


def recorder_alias() -> str:
    """The alias for the recorder and the heartbeat: SQLite has no pools, and one alias."""
    return RECORDER if RECORDER in settings.DATABASES else DEFAULT_DB_ALIAS


def use_alias(alias: str) -> None:
    """Make this thread's queries use this alias from now on."""
    _this_thread.alias = alias


def current_alias() -> str:
    """The alias that this thread's queries use."""
    alias: str = getattr(_this_thread, "alias", DEFAULT_DB_ALIAS)
    return alias


def this_connection() -> BaseDatabaseWrapper:
    """The connection of this thread's alias, for SQL that is written out."""
    return connections[current_alias()]


Parameters = Sequence[Any] | Mapping[str, Any]


def rows_of(sql: str, given: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a query that is written out on this thread's connection. Returns its rows.

    For what each call needs: the ORM takes 0.3 to 0.6 ms of processor time for each query of a row
    or two, and this a tenth of it.
    """
    with this_connection().cursor() as cursor:
        cursor.execute(sql, given)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def execute(sql: str, given: Parameters = ()) -> int:
    """Run a change that is written out on this thread's connection. Returns its number of rows."""
    with this_connection().cursor() as cursor:
        cursor.execute(sql, given)
        return int(cursor.rowcount)


def last_write() -> tuple[object, int] | None:
    """What is another value after another connection has written to the SQLite database.

    A write of this thread's own connection does not change it. None on PostgreSQL, where nothing
    says so.
    """
    connection = this_connection()
    if connection.vendor != "sqlite":
        return None
    ((version,),) = rows_of("PRAGMA data_version")
    # Versions of two connections cannot be compared.
    return connection.connection, version


def now_sql() -> str:
    """The database's time in a query that is written out, with the precision of Django's `Now`."""
    if this_connection().vendor == "sqlite":
        return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
    return "STATEMENT_TIMESTAMP()"


def soon_sql(seconds: int) -> str:
    """`now_sql` and this many seconds."""
    if this_connection().vendor == "sqlite":
        return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '+{seconds} seconds')"
    return f"STATEMENT_TIMESTAMP() + INTERVAL '{seconds} seconds'"


def for_update_sql() -> str:
    """What locks the rows of a query until the transaction ends, but not rows that refer to them.

    Empty on SQLite, where the transaction is the lock.
    """
    connection = this_connection()
    if not connection.features.has_select_for_no_key_update:
        return ""
    return f" {connection.ops.for_update_sql(no_key=True)}"


def time_parameter(value: datetime | None) -> object:
    """A time as a parameter of a query. SQLite has no type for it: Django stores UTC as text."""
    return this_connection().ops.adapt_datetimefield_value(value)


def time_of(stored: datetime | str) -> datetime:
    """The time that a query returned. SQLite's have no zone, or are text: they are in UTC."""
    time = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def uuid_parameter(value: UUID | None) -> UUID | str | None:
    """A UUID as a parameter of a query. SQLite has no type for it: Django stores its 32 digits."""
    if value is None or this_connection().features.has_native_uuid_field:
        return value
    return value.hex


def uuid_parameters(values: Iterable[UUID]) -> list[UUID | str]:
    """UUIDs as parameters of a query. To look the connection up for each takes longer than to look
    up its row.
    """
    if this_connection().features.has_native_uuid_field:
        return list(values)
    return [value.hex for value in values]


def among_uuids(values: Iterable[UUID]) -> tuple[str, str]:
    """The condition, to follow a column, that it is one of these UUIDs; and its one parameter.

    For hundreds of them: a parameter for each takes twice as long on SQLite, and four times on
    PostgreSQL, to which each is sent as a literal.
    """
    digits = [value.hex for value in values]
    if this_connection().features.has_native_uuid_field:
        return "= ANY(%s::uuid[])", f"{{{','.join(digits)}}}"
    return "IN (SELECT value FROM json_each(%s))", json.dumps(digits)


def uuid_of(stored: UUID | str) -> UUID:
    """The UUID that a query returned."""
    return stored if isinstance(stored, UUID) else _parsed_uuid(stored)


_parsed_uuid = lru_cache(maxsize=4096)(UUID)
"""The recorder reads the ids of the same few calls again and again."""


def placeholders(values: Sized) -> str:
    """The `%s, %s` of an `IN`, one for each of these values. There must be one at least."""
    return ", ".join(["%s"] * len(values))


def pairs_table(name: str, first: str, second: str, pairs: Sized) -> str:
    """The `WITH` of a table of these pairs, with these names. There must be one pair at least.

    To look rows up by pairs: with two `IN`, SQLite tries each first value with each second one.
    Join it by `FROM name CROSS JOIN other WHERE ...`: so SQLite begins with the pairs, and uses the
    index of the other table.
    """
    return f"WITH {name} ({first}, {second}) AS (VALUES {', '.join(['(%s, %s)'] * len(pairs))})"


def check_pools() -> None:
    """Replace the connections that a restart of PostgreSQL has broken, in every pool.

    A request replaces by itself only those that it is given, with growing pauses between them: with
    eight broken ones the first requests failed after the pool's 3 s.

    This thread's own connections are returned before: whoever waits for one meanwhile has them.
    """
    for alias in settings.DATABASES:
        connection = connections[alias]
        pool: Any = getattr(connection, "pool", None)
        if pool is not None and not pool.closed:
            if not connection.in_atomic_block:
                connection.close()
            pool.check()


def close_pools() -> None:
    """Close this process's connections in every pool. A later query opens the pool again."""
    for alias in settings.DATABASES:
        connections[alias].close()
        close: Any = getattr(connections[alias], "close_pool", None)
        if close is not None:
            close()


def atomic() -> Atomic:
    """A transaction, or a savepoint in one, on this thread's alias."""
    return django_atomic(using=current_alias())


class ThreadRouter:
    """Django's database router: the alias of the thread, for every model."""

    def db_for_read(self, model: object, **hints: Any) -> str:
        """Return the alias to read from."""
        return current_alias()

    def db_for_write(self, model: object, **hints: Any) -> str:
        """Return the alias to write to."""
        return current_alias()

    def allow_relation(self, one: object, other: object, **hints: Any) -> bool:
        """Return True: both aliases are the same database."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Return False for the second alias: its tables are those of the first."""
        return db != RECORDER


def release_connection() -> None:
    """Return the request's connection to the pool, for a provider's request of up to 30 s.

    PostgreSQL's pool has 8 connections: eight such requests at a time would block all others.
    Skipped inside a transaction, in which only tests run a view.
    """
    connection = connections[current_alias()]
    if not connection.in_atomic_block:
        connection.close()
