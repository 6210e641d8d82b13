"""The checks of `/readyz`: what each asks, and the word that it answers."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from backend.conversations import writing
from backend.conversations.database_executor import DatabaseExecutor
from backend.health import readiness
from backend.health.readiness import (
    ReadinessCheck,
    ServiceChecks,
    answers_of,
    checks_of,
    is_migrated,
    is_ready,
    summary_of,
)
from backend.protocol.endings import Ending
from backend.runtime import Runtime


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=2)
    yield executor
    executor.close()


async def answer_of(check: ReadinessCheck, wait_s: float = 2.0) -> str:
    return (await answers_of({"one": check}, wait_s))["one"]


@pytest.mark.django_db
def test_asking_the_database_takes_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        readiness.ping_database()


async def test_a_stuck_database_is_away_within_the_limit(
    executor: DatabaseExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = threading.Event()
    monkeypatch.setattr(readiness, "ping_database", moving.wait)
    assert await answer_of(ServiceChecks(executor).database, wait_s=0.02) == "away"
    moving.set()


async def test_the_databases_error_is_not_disclosed(
    executor: DatabaseExecutor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def ask() -> None:
        raise OperationalError("password=secret")

    monkeypatch.setattr(readiness, "ping_database", ask)
    answer = await answer_of(ServiceChecks(executor).database)
    assert answer == "away"
    assert "secret" not in caplog.text
    assert vars(caplog.records[0])["fields"] == {"where": "one", "error": "OperationalError"}


@pytest.mark.django_db
def test_a_database_that_is_older_than_the_code_is_not_migrated() -> None:
    assert is_migrated()
    for newest in MigrationLoader(connection).graph.leaf_nodes("conversations"):
        MigrationRecorder(connection).record_unapplied(*newest)
    assert not is_migrated()


async def test_the_migrations_are_asked_for_until_they_are_complete(
    executor: DatabaseExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(readiness, "is_migrated", lambda: next(answers))
    checks = ServiceChecks(executor)
    words = [await answer_of(checks.migrations) for _ in range(3)]
    assert words == ["pending", "ok", "ok"]


async def test_a_recorder_that_cannot_keep_up_is_behind(
    executor: DatabaseExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "MOST_BACKLOG_ROWS", 1)
    runtime = Runtime()
    recorder = checks_of(runtime, ServiceChecks(executor))["recorder"]
    words = []
    for number in range(3):
        words.append(await recorder())
        runtime.recorder.put(number, writing.EndingWrite(uuid4(), uuid4(), Ending.IDLE))
    assert words == ["ok", "ok", "behind"]
    await runtime.stop(0)


async def test_a_process_that_drains_says_so(executor: DatabaseExecutor) -> None:
    runtime = Runtime()
    drain = checks_of(runtime, ServiceChecks(executor))["drain"]
    before = await drain()
    await runtime.drain(0)
    assert (before, await drain()) == ("ok", "draining")


@pytest.mark.usefixtures("redis_away")
async def test_a_redis_that_is_away_is_shown_and_required_by_nobody(
    executor: DatabaseExecutor,
) -> None:
    checks = checks_of(Runtime(), ServiceChecks(executor))
    assert list(checks) == [
        "database", "migrations", "recorder", "drain", "writes", "spool", "redis",
    ]  # fmt: skip
    answers = {"database": "ok", "redis": await answer_of(checks["redis"])}
    assert answers["redis"] == "away"
    assert is_ready(answers)
    assert summary_of(answers) == "degraded"
    assert not is_ready({**answers, "database": "away"})
    assert summary_of({**answers, "database": "away"}) == "unavailable"
    assert summary_of({"database": "ok", "redis": "ok"}) == "ok"


async def test_without_the_setting_redis_is_not_asked(executor: DatabaseExecutor) -> None:
    assert "redis" not in checks_of(Runtime(), ServiceChecks(executor))


async def test_the_checks_run_side_by_side() -> None:
    both_run = asyncio.Barrier(2)

    async def check() -> str:
        async with both_run:
            return "ok"

    assert await answers_of({"one": check, "two": check}, 2.0) == {"one": "ok", "two": "ok"}


async def test_the_spool_says_how_many_writes_wait(
    executor: DatabaseExecutor, tmp_path: Path
) -> None:
    runtime = Runtime()
    file = runtime.recorder.spool
    assert file is not None
    file._folder = tmp_path
    check = checks_of(runtime, ServiceChecks(executor))["spool"]
    words = [await check()]
    file.sync({1: writing.EndingWrite(uuid4(), uuid4(), Ending.IDLE)})
    words.append(await check())
    file.sync({})
    file._folder = tmp_path / "file" / "spool"
    (tmp_path / "file").touch()
    file.sync({1: writing.EndingWrite(uuid4(), uuid4(), Ending.IDLE)})
    words.append(await check())
    assert words == ["ok", "1 writes wait", "failed"]
