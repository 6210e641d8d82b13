"""A database that answers and takes no write is found within a second, and no row is left."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection

from backend.conversations.database_executor import DatabaseSlow
from backend.conversations.models import Turn
from backend.health import write_probe
from backend.health.write_probe import WriteProbe, word_of, write_nothing
from tests.test_database import another_client


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OperationalError("database is locked"), "locked"),
        (OperationalError("database table is locked"), "locked"),
        (OperationalError("attempt to write a readonly database"), "read_only"),
        (caused(DatabaseError(), psycopg.errors.LockNotAvailable()), "locked"),
        (caused(DatabaseError(), psycopg.errors.ReadOnlySqlTransaction()), "read_only"),
        (caused(DatabaseError(), psycopg.errors.QueryCanceled()), "slow"),
        (DatabaseSlow(), "slow"),
        (OperationalError("connection refused"), "away"),
        (ValueError(), "away"),
    ],
)
def test_an_error_has_a_word(error: Exception, word: str) -> None:
    assert word_of(error) == word


async def test_an_answer_is_kept_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    probe = WriteProbe(lambda: asked.append(1))
    assert [await probe.word() for _ in range(5)] == ["ok"] * 5
    assert len(asked) == 1
    probe._until_s = 0
    await probe.word()
    assert len(asked) == 2


async def test_a_probe_that_hangs_is_slow_and_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(write_probe, "WAIT_S", 0.01)
    moving, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        moving.wait(20)

    probe = WriteProbe(hang)
    assert [await probe.word() for _ in range(3)] == ["slow"] * 3
    moving.set()
    monkeypatch.setattr(write_probe, "WAIT_S", 10)
    assert await probe.word() == "ok"
    assert len(asked) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_it_leaves_no_row_and_the_connection_as_it_was() -> None:
    with connection.cursor() as cursor:
        query = "SHOW lock_timeout" if connection.vendor == "postgresql" else "PRAGMA busy_timeout"
        cursor.execute(query)
        before = cursor.fetchone()
        write_nothing()
        cursor.execute(query)
        assert cursor.fetchone() == before
    assert not Turn.objects.exists()


@contextmanager
def locked() -> Iterator[None]:
    """Another client has the tables, or on SQLite the database."""
    if connection.vendor == "postgresql":
        with another_client() as client:
            client.execute(f"LOCK TABLE {Turn._meta.db_table} IN EXCLUSIVE MODE")
            yield
        return
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def read_only() -> Iterator[None]:
    on, off = (
        ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
        if connection.vendor == "postgresql"
        else ("PRAGMA query_only = on", "PRAGMA query_only = off")
    )
    with connection.cursor() as cursor:
        cursor.execute(on)
        try:
            yield
        finally:
            cursor.execute(off)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=tuple(settings.DATABASES))
@pytest.mark.parametrize(("fault", "word"), [(locked, "locked"), (read_only, "read_only")])
def test_a_fault_has_its_word_on_the_real_database(
    fault: object, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_probe, "LOCK_WAIT_MS", 50)
    assert callable(fault)
    with fault(), pytest.raises(DatabaseError) as raised:
        write_nothing()
    assert word_of(raised.value) == word
    write_nothing()


async def test_an_error_of_the_probe_is_a_word() -> None:
    def refuse() -> None:
        raise OperationalError("database is locked")

    probe = WriteProbe(refuse)
    first, second = await asyncio.gather(probe.word(), probe.word())
    assert (first, second) == ("locked", "locked")
