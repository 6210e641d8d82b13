"""Runs database work off the event loop, on a few threads of its own, with a time limit.

asgiref's default is one thread for the whole process: measured, one query that was stuck for 4 s
froze every other call for 4 s. Here a stuck query blocks one of these threads and no audio.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.database import use_alias

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class DatabaseSlow(Exception):
    """The database did not answer in time. Work that has begun may still be completed."""


class DatabaseExecutor:
    """Runs synchronous ORM work on its own threads, which use the database `alias`.

    Connections are closed after each piece of work (PostgreSQL: returned to the pool), because an
    idle thread must not hold one. With `keeps_sqlite` each thread keeps its own one to SQLite: to
    open it takes longer than most work on it (`python -m bench.recorder`).
    """

    def __init__(
        self, threads: int = 2, alias: str = DEFAULT_DB_ALIAS, *, keeps_sqlite: bool = False
    ) -> None:
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="database", initializer=use_alias, initargs=(alias,)
        )
        self._run = _with_kept_sqlite if keeps_sqlite else _with_fresh_connection

    async def run(self, work: Callable[[*Ts], T], *args: *Ts, timeout_s: float | None = 5.0) -> T:
        """Run `work(*args)` on a thread; return or raise what it does.

        Raises DatabaseSlow after `timeout_s` seconds; None means no limit. A thread cannot be
        stopped: at the time-out, queued work is dropped, and work that has begun goes on.

        It runs in the caller's context, so that its log lines have the call's and request's ids.
        """
        future = self._pool.submit(copy_context().run, self._run, lambda: work(*args))
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            if not future.done() or future.cancelled():
                raise DatabaseSlow from error
            # The work raised TimeoutError itself, or finished at the last moment.
            return future.result()

    def close(self) -> None:
        """Accept no more work and drop queued work. Work that has begun goes on."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _with_fresh_connection(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def _with_kept_sqlite(work: Callable[[], T]) -> T:
    """Run the work and keep the connection to SQLite, unless the work fails."""
    _close_others()
    try:
        return work()
    except BaseException:
        close_old_connections()
        raise
    finally:
        _close_others()


def _close_others() -> None:
    """Close this thread's connections, except one to the SQLite file that is still in place."""
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "sqlite" or _is_replaced(connection):
            connection.close_if_unusable_or_obsolete()


def _is_replaced(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database file was replaced since the last call, as when a backup is restored.

    What is written to a deleted file is lost without an error.
    """
    try:
        found = Path(connection.settings_dict["NAME"]).stat()
        file = found.st_dev, found.st_ino
    except OSError:  # deleted, or a test's database in memory
        file = None
    before = getattr(_this_thread, "file", file)
    _this_thread.file = file
    return before != file


_this_thread = threading.local()
