"""Database work off the event loop: bounded in time, and isolated from other work."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from backend.conversations.database_executor import DatabaseExecutor, DatabaseSlow
from backend.telemetry.log_context import CALL_ID, with_ids


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=1)
    yield executor
    executor.close()


async def test_it_runs_work_on_a_thread_and_returns_its_result(executor: DatabaseExecutor) -> None:
    def work(left: int, right: int) -> tuple[str, int]:
        return threading.current_thread().name, left + right

    thread, answer = await executor.run(work, 2, 3)
    assert thread.startswith("database")
    assert answer == 5


async def test_the_work_logs_with_the_ids_of_its_caller(executor: DatabaseExecutor) -> None:
    CALL_ID.set("call-1")
    assert await executor.run(with_ids, {}) == {"call_id": "call-1"}


async def test_it_raises_what_the_work_raises(executor: DatabaseExecutor) -> None:
    def work() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        await executor.run(work)


async def test_a_timeout_raised_by_the_work_is_passed_on(executor: DatabaseExecutor) -> None:
    def work() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await executor.run(work)


async def test_work_that_takes_too_long_is_abandoned_and_goes_on(
    executor: DatabaseExecutor,
) -> None:
    go_on, went_on = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait()
        went_on.set()

    with pytest.raises(DatabaseSlow):
        await executor.run(work, timeout_s=0.01)
    go_on.set()
    assert await asyncio.to_thread(went_on.wait, 5)


async def test_work_that_waited_too_long_is_dropped(executor: DatabaseExecutor) -> None:
    go_on, begun = threading.Event(), threading.Event()
    first = asyncio.create_task(executor.run(go_on.wait))
    await asyncio.sleep(0)
    with pytest.raises(DatabaseSlow):
        await executor.run(begun.set, timeout_s=0.01)
    go_on.set()
    await first
    await executor.run(lambda: None)
    assert not begun.is_set()


async def test_stuck_work_does_not_block_the_event_loop(executor: DatabaseExecutor) -> None:
    go_on = threading.Event()
    stuck = asyncio.create_task(executor.run(go_on.wait))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(100):
        await asyncio.sleep(0)
    assert loop.time() - began < 0.2
    go_on.set()
    await stuck


def looks_whether_connected() -> bool:
    """Use the database; return whether the thread had a connection before."""
    had_one = connection.connection is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return had_one


@pytest.mark.django_db(transaction=True)
async def test_no_connection_is_held_between_two_pieces_of_work(executor: DatabaseExecutor) -> None:
    had_one = [await executor.run(looks_whether_connected) for _ in range(2)]
    assert had_one == [False, False]


@pytest.fixture
def keeping() -> Iterator[DatabaseExecutor]:
    executor = DatabaseExecutor(threads=1, keeps_sqlite=True)
    yield executor
    executor.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_only_on_sqlite_a_connection_is_kept(keeping: DatabaseExecutor) -> None:
    is_kept = connection.vendor == "sqlite"
    had_one = [await keeping.run(looks_whether_connected) for _ in range(2)]
    assert had_one == [False, is_kept]


@pytest.mark.django_db(transaction=True)
async def test_the_connection_of_work_that_failed_is_not_kept(keeping: DatabaseExecutor) -> None:
    def fail() -> None:
        looks_whether_connected()
        raise KeyError

    with pytest.raises(KeyError):
        await keeping.run(fail)
    assert await keeping.run(looks_whether_connected) is False


@pytest.mark.django_db(transaction=True)
async def test_a_connection_to_a_file_that_was_replaced_is_not_kept(
    keeping: DatabaseExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "database"
    monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    had_one = [await keeping.run(looks_whether_connected) for _ in range(2)]
    file.rename(tmp_path / "before")
    had_one.append(await keeping.run(looks_whether_connected))
    assert had_one == [False, True, False]
    assert file.exists()
