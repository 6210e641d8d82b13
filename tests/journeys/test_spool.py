"""A server that ends while the database is away loses no turn: the spool has them.

Confirmed are the turns of which the client has seen the end: its own message and the answer.
"""

import asyncio
import signal
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.journeys.person import LiveCall, Person
from tests.journeys.stack import Stack, running_stack
from tests.postgres import running_postgres, stopped_postgres

pytestmark = [pytest.mark.slow, pytest.mark.journey]

YOUNG_S = 1.3
"""What a `kill -9` may cost: the spool's delay of 1 s, its interval of 0.25 s and one fsync."""
AWAY_S = 2.0


@pytest.fixture(scope="module")
def sqlite_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("spool"), simulator=("--pace", "0")) as stack:
        yield stack


@pytest.fixture(scope="module")
def postgres_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("spool-postgres")
    with running_postgres() as url:
        simulator = ("--pace", "0")
        with running_stack(folder, simulator=simulator, DATABASE_URL=url) as stack:
            yield stack


@pytest.fixture(params=["sqlite", "postgres"])
def stack(request: pytest.FixtureRequest) -> Stack:
    stack: Stack = request.getfixturevalue(f"{request.param}_stack")
    return stack


@contextmanager
def outage(stack: Stack) -> Iterator[None]:
    """SQLite is locked by another process, or PostgreSQL is stopped with SIGSTOP."""
    url = stack.env["DATABASE_URL"]
    if url.startswith("sqlite"):
        lock = sqlite3.connect(stack.folder / "kaiwa.sqlite3", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            lock.close()
        return
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    with stopped_postgres(row[0]):
        yield


class Said:
    """What a client has seen completed: the text, and when its end arrived."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    async def talk(self, live: LiveCall, until_s: float) -> None:
        """Type one message after the other until then, and read each answer to its end."""
        number = 0
        while time.monotonic() < until_s:
            number += 1
            began = len(live.events)
            text = f"Message {len(self.at)}.{number}"
            await live.type(text, is_silent=True)
            done = await live.until_type("response.done", after=began)
            answer = "".join(
                event["delta"] for event in live.of_type("response.output_text.delta", after=began)
            )
            self.at |= {text: live.arrived[done], answer: live.arrived[done]}
            # Few enough for one page of the API.
            await asyncio.sleep(0.06)

    def before(self, moment: float) -> set[str]:
        return {text for text, at in self.at.items() if at < moment}


@asynccontextmanager
async def talking(stack: Stack) -> AsyncIterator[tuple[Person, str, LiveCall]]:
    person = await Person.register(stack)
    session_id = await person.new_session()
    try:
        async with person.call(session_id, close_timeout_s=0.1) as live:
            yield person, session_id, live
    except ConnectionError:
        pass


async def stored(person: Person, session_id: str, expected: set[str]) -> set[str]:
    """The texts of the stored turns, as soon as all expected ones are there, or after 10 s."""
    deadline_s = time.monotonic() + 10
    while True:
        texts = {turn["text"] for turn in await person.turns(session_id)}
        if expected <= texts or time.monotonic() > deadline_s:
            return texts
        await asyncio.sleep(0.05)


def spool_of(stack: Stack) -> list[Path]:
    return list((stack.folder / "spool").glob("*.jsonl"))


async def settled(stack: Stack, person: Person, session_id: str) -> None:
    """Wait until no spool is left, and no turn is in progress: then its call has ended."""
    deadline_s = time.monotonic() + 10
    while True:
        statuses = {turn["status"] for turn in await person.turns(session_id)}
        if not spool_of(stack) and "in_progress" not in statuses:
            return
        assert time.monotonic() < deadline_s, (spool_of(stack), statuses)
        await asyncio.sleep(0.05)


async def test_a_stop_while_the_database_is_away_loses_nothing(stack: Stack) -> None:
    said = Said()
    async with talking(stack) as (person, session_id, live):
        await said.talk(live, time.monotonic() + 0.2)
        with outage(stack):
            await said.talk(live, time.monotonic() + AWAY_S)
            code = await asyncio.to_thread(stack.stop, "server")
            (file,) = spool_of(stack)
    assert code == 0, stack.log()[-3000:]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "recorder.spooled rows=" in stack.log()
    assert "recorder.stopped_early" not in stack.log()
    await asyncio.to_thread(stack.start_server)
    expected = set(said.at)
    found = await stored(person, session_id, expected)
    print(f"SIGTERM: lost {len(expected - found)} of {len(expected)}")
    assert expected <= found
    await settled(stack, person, session_id)


async def test_a_kill_while_the_database_is_away_loses_what_is_young(sqlite_stack: Stack) -> None:
    stack = sqlite_stack
    said = Said()
    async with talking(stack) as (person, session_id, live):
        with outage(stack):
            await said.talk(live, time.monotonic() + AWAY_S)
            killed_s = time.monotonic()
            await asyncio.to_thread(stack.stop, "server", signal.SIGKILL)
    await asyncio.to_thread(stack.start_server)
    expected = said.before(killed_s - YOUNG_S)
    found = await stored(person, session_id, expected)
    lost = set(said.at) - found
    oldest_s = max((killed_s - said.at[text] for text in lost), default=0.0)
    print(f"kill -9: lost {len(lost)} of {len(said.at)}, the oldest {oldest_s:.2f} s old")
    assert expected
    assert expected <= found
    await settled(stack, person, session_id)
