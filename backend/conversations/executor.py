"""Database work off the event loop, on a few threads of its own, each piece with a time limit.

asgiref's default is one thread for the whole process: measured, one query that was stuck for 4 s
froze every other call for 4 s. Here a stuck query holds one of these threads and nobody's audio.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from django.db import close_old_connections

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class DatabaseSlow(Exception):
    """The database did not answer in time. What had been begun may still be carried out."""


class DatabaseExecutor:
    """Runs synchronous ORM work on its own threads.

    Connections are closed (PostgreSQL: given back to the pool) after each piece of work, because a
    thread that waits for its next piece must not hold one.
    """

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def run(self, work: Callable[[*Ts], T], *args: *Ts, timeout_s: float | None = 5.0) -> T:
        """What `work(*args)` returns or raises.

        Raises DatabaseSlow after `timeout_s`; None waits as long as it takes. A thread cannot be
        stopped: work that waits is then dropped, work that has begun goes on unwatched.
        """
        future = self._pool.submit(_with_fresh_connection, lambda: work(*args))
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            if not future.done() or future.cancelled():
                raise DatabaseSlow from error
            # The work's own time-out, or an answer that came at the last moment.
            return future.result()

    def close(self) -> None:
        """Take no more work, drop what waits, and leave what has begun to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _with_fresh_connection(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
