"""Whether the database takes writes: a transaction that could write, and leaves no row.

`SELECT 1` succeeds while another process holds a lock, and while the database is read-only (a full
disk, a failover). The answer is kept for some seconds, so that a probe every second costs little.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.conversations.models import Session, Turn

OK, LOCKED, READ_ONLY, SLOW, AWAY = "ok", "locked", "read_only", "slow", "away"

LOCK_WAIT_MS = 500
"""How long the probe waits for a lock: a write of ours takes milliseconds."""
STATEMENT_MS = 1_000
WAIT_S = 1.5
"""How long a caller waits. The probe itself may go on; until it ends the answer is `slow`."""
KEPT_S = 4.0
"""Below the interval of an orchestrator's probes, 5 s: each of those sees a new answer."""

_SQL_STATES = {"55P03": LOCKED, "25006": READ_ONLY, "57014": SLOW}
"""PostgreSQL's lock_not_available, read_only_sql_transaction and query_canceled."""
_SQLITE_TEXTS = (("locked", LOCKED), ("readonly", READ_ONLY))


class WriteProbe:
    """Probes at most once at a time and every few seconds. Use it from the event loop."""

    def __init__(self, probe: Callable[[], None] | None = None) -> None:
        self._probe = probe or write_nothing
        self._executor = DatabaseExecutor(threads=1)
        self._running: asyncio.Task[str] | None = None
        self._word = OK
        self._until_s = 0.0

    async def word(self) -> str:
        """`ok`, or why the database takes no write. Never raises."""
        if self._running is None and time.monotonic() < self._until_s:
            return self._word
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(WAIT_S):
                return await asyncio.shield(self._running)
        except TimeoutError:
            return SLOW

    async def _run(self) -> str:
        try:
            await self._executor.run(self._probe, timeout_s=None)
            self._word = OK
        except Exception as error:
            self._word = word_of(error)
        self._until_s = time.monotonic() + KEPT_S
        self._running = None
        return self._word


def word_of(error: Exception) -> str:
    """The word for what a probe raised."""
    if isinstance(error, DatabaseSlow):
        return SLOW
    state = getattr(error.__cause__, "sqlstate", None)
    if state in _SQL_STATES:
        return _SQL_STATES[state]
    text = str(error)
    return next((word for part, word in _SQLITE_TEXTS if part in text), AWAY)


def write_nothing() -> None:
    """Update no row of the tables that calls write. Raises what Django raises, within a second."""
    with connection.cursor() as cursor, _short_waits(cursor), transaction.atomic():
        if connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
        for model in (Session, Turn):
            # Refused by a lock on the table and by a read-only database, though no row fits.
            cursor.execute(f'UPDATE "{model._meta.db_table}" SET id = id WHERE 1 = 0')


@contextmanager
def _short_waits(cursor: Any) -> Iterator[None]:
    """On SQLite: do not wait for another writer as long as a request does."""
    if connection.vendor != "sqlite":
        yield
        return
    (before_ms,) = cursor.execute("PRAGMA busy_timeout").fetchone()
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {before_ms}")
