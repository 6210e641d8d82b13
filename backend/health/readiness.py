"""What makes this process ready for new calls: each check, and the word that it answers.

| check | ready | not ready |
|---|---|---|
| `database` | `ok` | `away`: no answer within two seconds |
| `migrations` | `ok` | `pending`: the database is older than the code; `away` |
| `recorder` | `ok` | `behind`: more than `MOST_BACKLOG_ROWS` rows wait to be written |
| `drain` | `ok` | `draining`: the process is stopping and takes no new calls |
| `writes` | `ok` | `locked`, `read_only`, `slow` or `away` (`write_probe`); only shown |
| `spool` | `ok` | `failed`, or how many writes wait in the spool; only shown |
| `redis` | `ok` | `away`; only shown: see `NOT_REQUIRED` |
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from backend.conversations.database_executor import DatabaseExecutor
from backend.health.write_probe import WriteProbe
from backend.redis_client import shared_redis
from backend.runtime import Runtime
from backend.telemetry.logs import log_event

OK = "ok"
AWAY = "away"
PENDING = "pending"
BEHIND = "behind"
DRAINING = "draining"

WAIT_S = 2.0
"""How long one check may take."""
MOST_BACKLOG_ROWS = 10_000
"""Twenty full batches of the recorder. 200 calls whose database is away for a minute stay below."""

FAILED = "failed"

NOT_REQUIRED = frozenset({"redis", "spool", "writes"})
"""Checks that are shown, as `degraded`, and do not make the process unready. Without Redis calls go
on (`backend.redis_client`), and all replicas lose it at once: nobody would be left to serve them.
The same is true of a database that is locked or read-only: running calls go on."""

ReadinessCheck = Callable[[], Awaitable[str]]
"""Returns `ok`, or a word that says why not; may raise as well."""

log = logging.getLogger(__name__)


class ServiceChecks:
    """The checks that ask the database and Redis, on threads of their own.

    So a stuck service delays no other request, and `/readyz` does not wait for a request's query.
    """

    def __init__(self, executor: DatabaseExecutor | None = None) -> None:
        self._executor = executor or DatabaseExecutor(threads=2)
        self._is_migrated = False
        self._write_probe = WriteProbe()

    async def database(self) -> str:
        """Run `SELECT 1`. Raises what Django raises, and DatabaseSlow."""
        await self._executor.run(ping_database, timeout_s=WAIT_S)
        return OK

    async def migrations(self) -> str:
        """Compare the applied migrations with the code's.

        Until they are complete this reads the code's migrations each time, some 50 ms of a thread;
        then never again, as neither the code nor the schema goes back under a running process.
        """
        if not self._is_migrated:
            self._is_migrated = await self._executor.run(is_migrated, timeout_s=WAIT_S)
        return OK if self._is_migrated else PENDING

    async def writes(self) -> str:
        """Probe whether the database takes writes; at most every few seconds."""
        return await self._write_probe.word()

    async def redis(self) -> str:
        """Ping Redis. Raises RedisAway, at once for some seconds after a failure."""
        await self._executor.run(ping_redis, timeout_s=WAIT_S)
        return OK


def ping_database() -> None:
    """Run `SELECT 1`. Raises what Django raises if the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def ping_redis() -> None:
    """Ping the Redis of `REDIS_URL`, if that is set. Raises RedisAway."""
    if (redis := shared_redis()) is not None:
        redis.run(lambda client: client.ping())


def is_migrated() -> bool:
    """Whether every migration of the code is applied. Raises what Django raises."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def checks_of(runtime: Runtime, services: ServiceChecks) -> dict[str, ReadinessCheck]:
    """Every check of this process by its name, in the order in which `/readyz` shows them.

    `redis` is there only if `REDIS_URL` is set.
    """

    async def recorder() -> str:
        return BEHIND if runtime.recorder.backlog_rows > MOST_BACKLOG_ROWS else OK

    async def drain() -> str:
        return DRAINING if runtime.live.is_draining else OK

    async def spool() -> str:
        file = runtime.recorder.spool
        if file is None or not (file.is_failing or file.writes):
            return OK
        return FAILED if file.is_failing else f"{file.writes} writes wait"

    return {
        "database": services.database,
        "migrations": services.migrations,
        "recorder": recorder,
        "drain": drain,
        "writes": services.writes,
        "spool": spool,
        **({} if shared_redis() is None else {"redis": services.redis}),
    }


def is_ready(answers: Mapping[str, str]) -> bool:
    """Whether every required check answered `ok`."""
    return all(word == OK for name, word in answers.items() if name not in NOT_REQUIRED)


def summary_of(answers: Mapping[str, str]) -> str:
    """`ok`; `degraded` if only checks that are not required say otherwise; or `unavailable`."""
    if not is_ready(answers):
        return "unavailable"
    return "ok" if all(word == OK for word in answers.values()) else "degraded"


async def answers_of(checks: Mapping[str, ReadinessCheck], wait_s: float) -> dict[str, str]:
    """Run the checks side by side. A check that raises or takes longer answers `away`.

    The log has the exception's type; its text can quote an address or a password.
    """
    answers = await asyncio.gather(
        *(_answer_of(name, check, wait_s) for name, check in checks.items())
    )
    return dict(zip(checks, answers, strict=True))


async def _answer_of(name: str, check: ReadinessCheck, wait_s: float) -> str:
    try:
        async with asyncio.timeout(wait_s):
            answer = await check()
    except Exception as error:
        log_event(log, logging.WARNING, "health.not_ready", where=name, error=type(error).__name__)
        return AWAY
    if answer != OK:
        log_event(log, logging.WARNING, "health.not_ready", where=name, code=answer)
    return answer
