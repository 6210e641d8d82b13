"""Which errors mean that the database is unavailable; a pool for requests, another to record."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    transaction,
)
from django.utils import timezone

from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.models import Session, Turn
from backend.conversations.recorder import Recorder
from backend.database import (
    DATABASE_UNAVAILABLE,
    RECORDER,
    ThreadRouter,
    among_uuids,
    atomic,
    check_pools,
    close_pools,
    current_alias,
    execute,
    now_sql,
    recorder_alias,
    rows_of,
    soon_sql,
    time_of,
    time_parameter,
    uuid_of,
    uuid_parameter,
    uuid_parameters,
)
from tests.conversations.equipment import new_call, new_session, turn

REQUESTS = 8
"""As many as the requests' pool has connections."""

has_pools = pytest.mark.skipif(RECORDER not in settings.DATABASES, reason="SQLite has no pools")


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, InternalError])
def test_a_retry_can_help_while_the_database_is_unavailable(kind: type[Exception]) -> None:
    assert issubclass(kind, DATABASE_UNAVAILABLE)


@pytest.mark.parametrize("kind", [DataError, IntegrityError])
def test_a_retry_cannot_help_when_the_database_refuses_a_row(kind: type[Exception]) -> None:
    assert not issubclass(kind, DATABASE_UNAVAILABLE)


async def test_an_executors_threads_use_its_alias_and_no_other_thread_does() -> None:
    executor = DatabaseExecutor(threads=1, alias=RECORDER)

    def seen() -> tuple[str, str, str, str | None]:
        router = ThreadRouter()
        return current_alias(), router.db_for_read(User), router.db_for_write(User), atomic().using

    assert set(await executor.run(seen)) == {RECORDER}
    assert set(seen()) == {"default"}
    executor.close()


def test_the_second_alias_is_the_same_database() -> None:
    router = ThreadRouter()
    assert router.allow_relation(User(), User())
    assert router.allow_migrate("default", "accounts")
    assert not router.allow_migrate(RECORDER, "accounts")
    assert recorder_alias() in settings.DATABASES


def test_a_database_without_pools_has_none_to_check(db: None) -> None:
    check_pools()


@pytest.mark.django_db(transaction=True)
def test_without_pools_too_the_connections_are_closed() -> None:
    User.objects.count()
    close_pools()
    assert User.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.postgres
def test_rows_and_times_are_read_and_written_as_the_orm_does(owner: User) -> None:
    session = new_session(owner)
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    key = uuid_parameter(session.pk)
    changed = "UPDATE conversations_session SET closed_at = %s WHERE id = %s"
    assert execute(changed, [time_parameter(at), key]) == 1
    assert execute(changed, [time_parameter(at), uuid_parameter(uuid4())]) == 0
    assert uuid_parameters([session.pk, session.pk]) == [key, key]
    session.refresh_from_db()
    assert session.closed_at == at
    times = f"closed_at, {now_sql()}, {soon_sql(30)}"
    ((stored, now, soon),) = rows_of(
        f"SELECT {times} FROM conversations_session WHERE id = %s", [key]
    )
    assert time_of(stored) == at
    assert abs(time_of(now) - timezone.now()) < timedelta(minutes=1)
    assert time_of(soon) - time_of(now) == timedelta(seconds=30)
    assert time_parameter(None) is None


@pytest.mark.django_db
@pytest.mark.postgres
@pytest.mark.parametrize("chosen", [(), (0,), (0, 2), (2, 2, 0)])
def test_rows_are_found_among_uuids(owner: User, chosen: tuple[int, ...]) -> None:
    sessions = [new_session(owner).pk for _ in range(3)]
    wanted = [sessions[index] for index in chosen]
    condition, given = among_uuids([*wanted, uuid4()])
    rows = rows_of(f"SELECT id FROM conversations_session WHERE id {condition}", (given,))
    assert sorted(uuid_of(stored) for (stored,) in rows) == sorted(set(wanted))
    condition, given = among_uuids([])
    assert rows_of(f"SELECT id FROM conversations_session WHERE id {condition}", (given,)) == []


# On PostgreSQL


@has_pools
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_thread_that_checks_the_pools_keeps_no_connection_from_the_others() -> None:
    User.objects.count()
    assert connections["default"].connection is not None
    check_pools()
    assert connections["default"].connection is None
    assert User.objects.count() == 0


@has_pools
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_closed_pool_has_no_connections_and_a_query_opens_another() -> None:
    User.objects.count()
    pool: Any = connections["default"].pool  # type: ignore[attr-defined]
    close_pools()
    assert pool.closed
    assert User.objects.count() == 0


class Recording:
    """A recorder on its own pool, and threads for requests on theirs, as a runtime has."""

    def __init__(self) -> None:
        self.requests = DatabaseExecutor(threads=REQUESTS)
        self.executor = DatabaseExecutor(threads=1, alias=recorder_alias())
        self.recorder = Recorder(self.executor)


@pytest.fixture
def session(owner: User) -> Session:
    """A session. The pool has every connection again: this thread gives its own back."""
    session = new_session(owner)
    connections.close_all()
    return session


@pytest.fixture
async def recording(session: Session) -> AsyncIterator[Recording]:
    recording = Recording()
    yield recording
    await recording.recorder.stop(2)
    recording.requests.close()
    recording.executor.close()


@contextmanager
def another_client() -> Iterator[psycopg.Connection]:
    """A connection that belongs to none of our pools; its transaction ends with the block."""
    params = connections["default"].get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{name: params[name] for name in wanted if name in params}) as client:
        yield client


async def until_waiting(count: int) -> None:
    """Wait until this many connections wait for a lock."""
    sql = "SELECT count(*) = %s FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with another_client() as client:
        client.autocommit = True
        deadline_s = asyncio.get_running_loop().time() + 20
        while client.execute(sql, [count]).fetchone() != (True,):
            assert asyncio.get_running_loop().time() < deadline_s
            await asyncio.sleep(0.01)


def wait_for_users() -> None:
    """A request that needs every user's row, however long it waits."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        list(User.objects.select_for_update())


@has_pools
@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=tuple(settings.DATABASES))
async def test_requests_that_hang_on_a_lock_do_not_delay_the_recorder(
    recording: Recording, session: Session
) -> None:
    kept = recording.recorder.for_call(await recording.requests.run(new_call, session))
    with another_client() as holder:
        holder.execute(f"SELECT 1 FROM {User._meta.db_table} FOR UPDATE")
        stuck = [
            asyncio.create_task(recording.requests.run(wait_for_users, timeout_s=60))
            for _ in range(REQUESTS)
        ]
        await until_waiting(REQUESTS)
        kept.keep(turn())
        assert await recording.recorder.flush(10)
        assert not any(request.done() for request in stuck)
    await asyncio.gather(*stuck)
    assert await recording.requests.run(Turn.objects.count) == 1


@has_pools
@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=tuple(settings.DATABASES))
async def test_a_recorder_that_hangs_on_a_lock_does_not_delay_requests(
    recording: Recording, session: Session
) -> None:
    kept = recording.recorder.for_call(await recording.requests.run(new_call, session))
    with another_client() as holder:
        holder.execute(f"SELECT 1 FROM {Session._meta.db_table} FOR UPDATE")
        kept.keep(turn())
        await until_waiting(1)
        counts = (recording.requests.run(Turn.objects.count, timeout_s=10) for _ in range(REQUESTS))
        assert await asyncio.gather(*counts) == [0] * REQUESTS
    assert await recording.recorder.flush(5)
    assert await recording.requests.run(Turn.objects.count) == 1


@has_pools
@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=tuple(settings.DATABASES))
async def test_a_restarted_database_loses_no_turn_and_fails_no_later_request(
    recording: Recording, session: Session
) -> None:
    kept = recording.recorder.for_call(await recording.requests.run(new_call, session))
    kept.keep(turn("item_1"))
    assert await recording.recorder.flush(10)
    counts = (recording.requests.run(Turn.objects.count) for _ in range(REQUESTS))
    assert await asyncio.gather(*counts) == [1] * REQUESTS
    with another_client() as operator:
        # What a restart does to the connections that are open.
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await recording.requests.run(check_pools)
    kept.keep(turn("item_2", position=1))
    assert await recording.recorder.flush(10)
    counts = (recording.requests.run(Turn.objects.count) for _ in range(REQUESTS))
    assert await asyncio.gather(*counts) == [2] * REQUESTS
