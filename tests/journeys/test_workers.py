"""`WORKERS=2`: two processes behind one port, and what holds across them."""

import asyncio
import functools
import os
import signal
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.serving.shutdown import ShutdownTimeouts
from tests.journeys.person import LiveCall, Person
from tests.journeys.quick_server import DRAIN_S
from tests.journeys.stack import Stack, http, running_stack
from tests.postgres import running_postgres
from tests.serving.equipment import is_alive

pytestmark = [pytest.mark.slow, pytest.mark.journey]

MOST_CALLS = 3
MOST_TRIES = 40
"""How many calls are opened until two workers have one. Each connection gets one of two."""
STOPPED_WITHIN_S = DRAIN_S + ShutdownTimeouts().total_s - ShutdownTimeouts().drain_s
REAPED_WITHIN_S = 15.0
"""A heartbeat of the other worker, every 5 s, on a machine that is busy."""


@pytest.fixture(scope="module")
def sqlite_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with two_workers(tmp_path_factory, "sqlite") as running:
        yield running


@pytest.fixture(scope="module")
def postgres_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with (
        running_postgres() as url,
        two_workers(tmp_path_factory, "postgres", DATABASE_URL=url) as running,
    ):
        yield running


@pytest.fixture
def stack(postgres_stack: Stack) -> Stack:
    """Two workers with a drain of 4 s, which run."""
    if "server" not in postgres_stack.processes:
        postgres_stack.start_server()
    return postgres_stack


@pytest.fixture(params=["sqlite", "postgres"])
def each_stack(request: pytest.FixtureRequest) -> Stack:
    """The same with each database, for what the database decides."""
    if request.param == "postgres":
        running: Stack = request.getfixturevalue("stack")
    else:
        running = request.getfixturevalue("sqlite_stack")
    return running


def two_workers(
    factory: pytest.TempPathFactory, name: str, **env: str
) -> AbstractContextManager[Stack]:
    """Audio comes at twice real time, so that a signal can come in the middle of an answer."""
    return running_stack(
        factory.mktemp(f"workers-{name}"),
        simulator=("--pace", "2"),
        server_module="tests.journeys.quick_server",
        **{"WORKERS": "2", "MAX_CALLS_PER_USER": str(MOST_CALLS), **env},
    )


@dataclass(frozen=True, slots=True)
class CallRow:
    """What the database has of a call: the process that holds or held it, and how it ended."""

    worker: str
    ending: str

    @property
    def pid(self) -> int:
        return int(self.worker.split(":")[-2])


def rows_of(stack: Stack, session_id: str) -> list[CallRow]:
    """The calls of a session, in the order in which they began."""
    columns = "SELECT worker, ending FROM conversations_call WHERE session_id ="
    url = stack.env["DATABASE_URL"]
    if url.startswith("sqlite"):
        lite = sqlite3.connect(stack.folder / "kaiwa.sqlite3")
        try:
            found = lite.execute(
                f"{columns} ? ORDER BY started_at", (UUID(session_id).hex,)
            ).fetchall()
        finally:
            lite.close()
    else:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                f"{columns} %s ORDER BY started_at", (session_id,)
            ).fetchall()
    return [CallRow(worker, ending) for worker, ending in found]


async def until(condition: Callable[[], bool], within_s: float) -> None:
    """Ask every 50 ms until it is true."""
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def is_connectable(stack: Stack) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", stack.port)) == 0


@dataclass(slots=True)
class HeldCall:
    """An open call, and the process that holds it."""

    session_id: str
    live: LiveCall
    pid: int


async def open_call(stack: Stack, person: Person, calls: AsyncExitStack) -> HeldCall:
    session_id = await person.new_session()
    live = await calls.enter_async_context(person.call(session_id, close_timeout_s=1))
    (row,) = await asyncio.to_thread(rows_of, stack, session_id)
    return HeldCall(session_id, live, row.pid)


async def one_in_each(stack: Stack, person: Person, calls: AsyncExitStack) -> list[HeldCall]:
    """Open a call in each of the two workers."""
    first = await open_call(stack, person, calls)
    return [first, await another_worker(stack, person, calls, first.pid)]


async def another_worker(stack: Stack, person: Person, calls: AsyncExitStack, pid: int) -> HeldCall:
    """Open calls until one is in another worker than that of this process id; return that one."""
    for _ in range(MOST_TRIES):
        async with AsyncExitStack() as trying:
            opened = await open_call(stack, person, trying)
            if opened.pid != pid:
                calls.push_async_exit(trying.pop_all())
                return opened
        # The next one must not be one too many.
        await until(functools.partial(has_ended, stack, opened.session_id), 10)
    raise AssertionError(f"{MOST_TRIES} calls are all in {pid}")


def has_ended(stack: Stack, session_id: str) -> bool:
    """Whether all calls of a session have ended."""
    return all(row.ending for row in rows_of(stack, session_id))


async def answers(call: HeldCall) -> None:
    """The call goes on: it answers a message."""
    began = len(call.live.events)
    await call.live.type("Are you there?", is_silent=True)
    await call.live.until_type("response.done", after=began)


async def test_calls_are_in_both_workers(stack: Stack) -> None:
    person = await Person.register(stack)
    async with AsyncExitStack() as calls:
        held = await one_in_each(stack, person, calls)
        supervisor = stack.processes["server"].pid
        assert supervisor not in {each.pid for each in held}
        for each in held:
            await answers(each)


async def test_one_scrape_has_the_metrics_of_both_workers(stack: Stack) -> None:
    person = await Person.register(stack)
    async with AsyncExitStack() as calls:
        for each in await one_in_each(stack, person, calls):
            await answers(each)
        # Whichever worker is asked.
        scrapes = [await asyncio.to_thread(http, "GET", f"{stack.url}/metrics") for _ in range(6)]
    for scrape in scrapes:
        sums: Counter[str] = Counter()
        workers = set()
        for family in text_string_to_metric_families(scrape.text):
            for sample in family.samples:
                if sample.labels.get("state", "ready") == "ready":
                    sums[sample.name] += int(sample.value)
                workers.add(sample.labels.get("worker", ""))
        assert workers == {"", "1", "2"}
        assert (sums["kaiwa_calls"], sums["kaiwa_call_slots_used"]) == (2, 2)
        assert sums["kaiwa_open_calls"] == 2
        assert 'kaiwa_workers{state="answered"} 2.0' in scrape.text


async def test_a_killed_worker_is_started_again_and_the_other_ones_calls_go_on(
    stack: Stack,
) -> None:
    person = await Person.register(stack)
    async with AsyncExitStack() as calls:
        killed, other = await one_in_each(stack, person, calls)
        os.kill(killed.pid, signal.SIGKILL)
        await killed.live.until_ended()
        await answers(other)
        await until(
            lambda: rows_of(stack, killed.session_id)[0].ending == "interrupted", REAPED_WITHIN_S
        )
        back = await another_worker(stack, person, calls, other.pid)
        assert back.pid != killed.pid
        await answers(back)
        await answers(other)
    assert "server.worker_died" in stack.log()


async def test_a_call_is_taken_over_from_the_other_worker(each_stack: Stack) -> None:
    stack = each_stack
    person = await Person.register(stack)
    for _ in range(MOST_TRIES):
        session_id = await person.new_session()
        async with person.call(session_id) as older:
            await older.type("Good morning.", is_silent=True)
            await older.until_type("response.done")
            async with person.call(session_id) as newer:
                assert await older.until_ended() == 4409
                first, second = rows_of(stack, session_id)
                assert first.ending == "taken_over"
                await newer.type("And now?", is_silent=True)
                await newer.until_type("response.done")
        turns = await person.turns(session_id)
        assert [turn["text"] for turn in turns if turn["role"] == "user"] == [
            "Good morning.",
            "And now?",
        ]
        if first.pid != second.pid:
            return
    raise AssertionError("no two calls of a session were in two workers")


async def test_a_limit_counts_the_calls_of_both_workers(each_stack: Stack) -> None:
    stack = each_stack
    person = await Person.register(stack)
    async with AsyncExitStack() as calls:
        await one_in_each(stack, person, calls)
        await open_call(stack, person, calls)
        session_id = await person.new_session()
        # By whichever worker it is judged.
        for _ in range(6):
            async with person.call(session_id, ready=False) as refused:
                assert await refused.until_ended() == 4429
        assert rows_of(stack, session_id) == []


async def test_a_signal_ends_all_workers_after_their_answers(stack: Stack) -> None:
    person = await Person.register(stack)
    async with AsyncExitStack() as calls:
        held = await one_in_each(stack, person, calls)
        for each in held:
            await each.live.type("Tell me about your offers, please.")
            await each.live.until_type("response.output_audio.delta")
        began_s = time.monotonic()
        code = await asyncio.to_thread(stack.stop, "server")
        assert time.monotonic() - began_s < STOPPED_WITHIN_S
        assert code == 0, stack.log()[-3000:]
        assert not is_connectable(stack)
        assert not any(is_alive(each.pid) for each in held)
        for each in held:
            assert await each.live.until_ended() == 1012
            assert "relay.draining" in each.live.types()
            assert "response.done" in each.live.types()


async def test_no_worker_outlives_its_supervisor(stack: Stack) -> None:
    person = await Person.register(stack)
    async with AsyncExitStack() as calls:
        held = await one_in_each(stack, person, calls)
        await asyncio.to_thread(stack.stop, "server", signal.SIGKILL)
        for each in held:
            assert await each.live.until_ended() == 1012
        await until(lambda: not any(is_alive(each.pid) for each in held), STOPPED_WITHIN_S)
    assert not is_connectable(stack)
