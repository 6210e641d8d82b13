"""Drop, kill and rotate calls for a long time; print what is left and what is lost.

    python -m bench.soak [--drops 2000] [--kills 50] [--minutes 60] [--seed N] [--postgres]

Three parts, each on a server process of its own; the environment's MINUTES is the default of
`--minutes`:

- drops: calls end in every phase by a close, a RST, a FIN or a client that vanishes, twenty at
  once. Descriptors, connections, threads, tasks and memory of the server before and after.
- kills: SIGKILL and SIGTERM at random moments under ten clients, while the database comes and goes
  (SQLite: locked; `--postgres`: stopped). Turns that a client saw completed more than a second
  before a SIGKILL, or at any time before a SIGTERM, must be stored once and with the same text.
- rotation: the provider's cap is 5 s, under five clients; pings as in production, since a busy
  machine takes longer than half a second and would lose connections to them.

The server is `tests.journeys.quick_server`, whose pings take half a second. Exits 1 if something
was lost, stored twice or left over.
"""

import argparse
import asyncio
import contextlib
import os
import random
import secrets
import signal
import socket
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.faults import count_missing, new_session
from bench.talker import Talker
from tests.journeys.person import LiveCall, Person
from tests.journeys.stack import Stack, running_stack, wait_until_answers
from tests.journeys.usage import usage_of
from tests.postgres import pg_ctl, running_postgres

SERVER = "tests.journeys.quick_server"
CALLS_AT_ONCE = 20
SESSIONS = 20
KILL_CLIENTS = 10
ROTATION_CLIENTS = 5
CAP_S = 5.0
UNSAVED_S = 1.0
SETTLE_S = 4.0
MOST_GROWTH_MEGABYTES = 30.0


# --- Drops --------------------------------------------------------------------------------------


async def leave(live: LiveCall, how: str) -> None:
    """End the client's side of a call in this way."""
    transport = live.socket.transport
    match how:
        case "close":
            await live.socket.close()
        case "reset":
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            transport.abort()
        case "fin":
            transport.write_eof()
        case "vanish":
            transport.pause_reading()
            await asyncio.sleep(2)
            transport.abort()


WAYS = ("close", "reset", "fin", "vanish")


async def be_accepted(live: LiveCall) -> None:
    """The handshake is done; the ticket is being checked."""


async def be_created(live: LiveCall) -> None:
    await live.until_type("session.created")


async def be_ready(live: LiveCall) -> None:
    await live.until_type("relay.ready")


async def speak_on(live: LiveCall) -> None:
    await be_ready(live)
    await live.say(bytes([0, 32]) * 12_000, pace=4)


async def be_answered(live: LiveCall) -> None:
    await be_ready(live)
    await live.type("How much does it cost?")
    await live.until_type("response.output_audio.delta")


PHASES: dict[str, Callable[[LiveCall], object]] = {
    "accepted": be_accepted,
    "created": be_created,
    "ready": be_ready,
    "speaking": speak_on,
    "mid-response": be_answered,
}


async def drop(person: Person, session_id: str, chance: random.Random) -> str:
    """Run one call to a random phase and leave it in a random way. Returns both."""
    phase, how = chance.choice(list(PHASES)), chance.choice(WAYS)
    async with person.call(session_id, ready=False, close_timeout_s=0.1) as live:
        await PHASES[phase](live)  # type: ignore[misc]
        await leave(live, how)
    return f"{phase}, {how}"


async def drops(stack: Stack, count: int, chance: random.Random) -> bool:
    """Run all drops. Returns whether everything was released."""
    people = [await Person.register(stack) for _ in range(SESSIONS)]
    left = iter(range(count))
    failures: Counter[str] = Counter()

    async def one_client(person: Person, cycles: Iterator[int]) -> None:
        session_id = await person.new_session()
        for _ in cycles:
            try:
                await drop(person, session_id, chance)
            except (AssertionError, OSError, TimeoutError) as error:
                failures[f"{type(error).__name__}: {error}"[:90]] += 1
            # A session for each 20 calls: a long past is not what is measured.
            if chance.random() < 0.05:
                session_id = await person.new_session()

    # The first cycles fill caches and start threads.
    await asyncio.gather(*(one_client(person, iter(range(3))) for person in people))
    await asyncio.sleep(SETTLE_S)
    before = await usage_of(stack)
    began = time.monotonic()
    await asyncio.gather(*(one_client(person, left) for person in people))
    lasted_s = time.monotonic() - began
    await asyncio.sleep(SETTLE_S)
    after = await usage_of(stack)
    print(f"drops: {count} in {lasted_s:.0f} s; failures: {dict(failures) or 'none'}")
    print("| server process | descriptors | connections | threads | tasks | memory |")
    print("|---|---|---|---|---|---|")
    print(before.row("before"))
    print(after.row("after"), flush=True)
    return (
        after.descriptors <= before.descriptors + 5
        and after.tasks <= before.tasks + 2
        and after.threads <= before.threads + 5
        and after.megabytes - before.megabytes < MOST_GROWTH_MEGABYTES
    )


# --- Kills --------------------------------------------------------------------------------------


@contextmanager
def sqlite_away(stack: Stack) -> Iterator[None]:
    """Lock the SQLite database."""
    database = sqlite3.connect(
        stack.folder / "kaiwa.sqlite3", isolation_level=None, timeout=5, check_same_thread=False
    )
    with contextlib.closing(database):
        database.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")


@contextmanager
def postgres_away(cluster: Path) -> Iterator[None]:
    """Stop PostgreSQL at once, and start it again."""
    pg_ctl(cluster, "stop", "-m", "immediate")
    try:
        yield
    finally:
        pg_ctl(cluster, "restart")


def cluster_of(database_url: str) -> Path:
    """The data directory; commits become synchronous, which the tests' cluster leaves out."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE kaiwa SET synchronous_commit = 'on'")
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        return Path(row[0])


@dataclass(slots=True)
class Losses:
    """What the kills lost, and what they could not lose."""

    expected: int = 0
    missing: int = 0
    wrong: int = 0
    exit_codes: Counter[int] = field(default_factory=Counter)


async def kill_once(
    stack: Stack, person: Person, away: Callable[[], contextlib.AbstractContextManager[None]],
    chance: random.Random, losses: Losses,
) -> None:  # fmt: skip
    """Run the clients, take the database away or not, kill, mend, and count."""
    stopped = asyncio.Event()
    sessions = [await new_session(person) for _ in range(KILL_CLIENTS)]
    talkers = [Talker(person, session_id, stopped) for session_id in sessions]
    running = [asyncio.create_task(talker.run()) for talker in talkers]
    await asyncio.sleep(chance.uniform(2, 4))
    how = chance.choice((signal.SIGKILL, signal.SIGTERM))
    is_away = chance.random() < 0.7
    context = away() if is_away else contextlib.nullcontext()
    with contextlib.ExitStack() as held:
        await asyncio.to_thread(held.enter_context, context)
        if is_away:
            await asyncio.sleep(chance.uniform(0.2, 4))
        killed_at = time.monotonic()
        code = await asyncio.to_thread(stack.stop, "server", how, 60)
        losses.exit_codes[code] += 1
    stack.spawn_server()
    await asyncio.to_thread(
        wait_until_answers, f"{stack.url}/healthz", stack.processes["server"], 60
    )
    await asyncio.sleep(1)
    stopped.set()
    await asyncio.gather(*running)
    if how is signal.SIGKILL:
        for talker in talkers:
            for item_id in [
                item_id
                for item_id, turn in talker.confirmed.items()
                if killed_at - UNSAVED_S < turn.at <= killed_at
            ]:
                del talker.confirmed[item_id]
    missing, wrong = await count_missing(talkers)
    expected = sum(len(talker.confirmed) for talker in talkers)
    losses.expected += expected
    losses.missing += len(missing)
    losses.wrong += wrong
    if missing or wrong:
        print(
            f"{how.name}, database {'away' if is_away else 'there'}: {len(missing)} of {expected}"
            f" turns missing, {wrong} twice or wrong",
            flush=True,
        )


async def kills(
    stack: Stack, away: Callable[[], contextlib.AbstractContextManager[None]], count: int,
    chance: random.Random,
) -> bool:  # fmt: skip
    """Kill the server this often. Returns whether nothing was lost."""
    person = await Person.register(stack)
    losses = Losses()
    for _ in range(count):
        await kill_once(stack, person, away, chance, losses)
    codes = ", ".join(f"{code} ({times})" for code, times in sorted(losses.exit_codes.items()))
    print(f"kills: {count}; exit codes {codes}")
    print(f"turns expected {losses.expected}, missing {losses.missing}, twice or wrong", end=" ")
    print(losses.wrong, flush=True)
    return losses.missing == losses.wrong == 0


# --- Rotation -----------------------------------------------------------------------------------


@dataclass(slots=True)
class RotationTalker(Talker):
    """A talker that also counts the rotations that its calls saw."""

    async def _type_on(self, live: LiveCall) -> None:
        try:
            await Talker._type_on(self, live)
        finally:
            for event in live.of_type("relay.rotated"):
                self.seen[f"`relay.rotated` {event['result']} ({event['reason']})"] += 1


async def rotation(stack: Stack, minutes: float) -> bool:
    """Talk over many of the provider's caps. Returns whether nothing was lost."""
    person = await Person.register(stack)
    stopped = asyncio.Event()
    talkers = [
        RotationTalker(person, await person.new_session(), stopped) for _ in range(ROTATION_CLIENTS)
    ]
    running = [asyncio.create_task(talker.run()) for talker in talkers]
    await asyncio.sleep(min(10.0, minutes * 20))
    before = await usage_of(stack)
    await asyncio.sleep(minutes * 60)
    after = await usage_of(stack)
    stopped.set()
    await asyncio.gather(*running)
    missing, wrong = await count_missing(talkers)
    expected = sum(len(talker.confirmed) for talker in talkers)
    seen = sum((talker.seen for talker in talkers), Counter())
    gap_s = max(talker.longest_gap_s() for talker in talkers)
    again = sum(talker.asked_again for talker in talkers)
    print(f"rotation: {minutes:g} minutes, cap {CAP_S:g} s; clients saw {dict(seen) or 'nothing'}")
    print(f"turns expected {expected}, missing {len(missing)}, twice or wrong {wrong}", end="; ")
    print(f"answers asked for again {again}; longest time between two answers {gap_s:.1f} s")
    print("| server process | descriptors | connections | threads | tasks | memory |")
    print("|---|---|---|---|---|---|")
    print(before.row("after 10 s"))
    print(after.row("at the end"), flush=True)
    ended = sum(count for what, count in seen.items() if "rotated" not in what)
    return not (missing or wrong or ended)


@asynccontextmanager
async def part(simulator: tuple[str, ...], **env: str) -> AsyncIterator[Stack]:
    """A stack in a folder of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), simulator=simulator, server_module=SERVER, **env) as stack,
    ):
        yield stack


async def run(options: argparse.Namespace) -> bool:
    """Run the parts that were asked for. Returns whether all promises were kept."""
    chance = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    kept: list[bool] = []
    if options.drops:
        async with part(("--cheap", "--pace", "4")) as stack:
            kept.append(await drops(stack, options.drops, chance))
    if options.kills:
        with contextlib.ExitStack() as databases:
            url = databases.enter_context(running_postgres()) if options.postgres else ""
            cluster = cluster_of(url) if url else Path()
            async with part(("--pace", "5"), **({"DATABASE_URL": url} if url else {})) as stack:

                def away() -> contextlib.AbstractContextManager[None]:
                    return postgres_away(cluster) if url else sqlite_away(stack)

                kept.append(await kills(stack, away, options.kills, chance))
    if options.minutes:
        simulator = ("--pace", "5", "--cap-s", str(CAP_S))
        async with part(simulator, QUICK_PING_S="15") as stack:
            kept.append(await rotation(stack, options.minutes))
    print("kept" if all(kept) else "NOT KEPT")
    return all(kept)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Drop, kill and rotate calls for a long time.")
    parser.add_argument("--drops", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("MINUTES", "60")))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--postgres", action="store_true", help="kill on PostgreSQL")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(not asyncio.run(run(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
