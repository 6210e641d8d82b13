"""A PostgreSQL connection whose every wait for an answer has a limit on our side.

PostgreSQL enforces `statement_timeout` itself, so it does not help where the server is stopped or
hangs: its kernel still acknowledges TCP, so neither `tcp_user_timeout` nor keepalives end the
connection. Measured with SIGSTOP, a request hung for as long as the server was stopped (over 40 s).
"""

from typing import Any, TypeVar

import psycopg

ANSWER_WAIT_S = 6.0
"""Longer than `statement_timeout` (5 s), so that a server that is alive reports the error itself,
and the connection can be used again. With the pool's own 3 s a request ends within 10 s."""

T = TypeVar("T")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when one answer takes longer than `answer_wait_s` seconds.

    The thread that waited gets an OperationalError, which the API answers with 503.
    """

    answer_wait_s = ANSWER_WAIT_S

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Run one operation to its end. Raises OperationalError after the limit."""
        try:
            return super().wait(
                gen, interval, timeout=self.answer_wait_s if timeout is None else timeout
            )
        except psycopg.errors._WaitTimeout:
            # The answer may still come: only closing makes sure that nobody reads it as another's.
            self.pgconn.finish()
            raise
