"""Kill, pause and restart each part of the stack under running calls; count the turns afterwards.

    python -m bench.faults [--calls 50] [--only web-kill,nginx-pause,…]

Each client types a message, reads its answer, waits a second, and so on; when its call ends or
nothing comes for eight seconds, it calls again, as the page does. Turns expected are those that a
client saw completed: its own message and the answer. For a web process that is killed they are
those of more than a second before: younger ones may not have been written yet. Prints the table of
docs/operations/faults.md and exits 1 if a turn is missing, is there twice or has another text.
"""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.talker import Confirmed, Talker
from tests.full_stack import FullStack, children_of, running_full_stack
from tests.journeys.person import Person
from tests.postgres import pg_ctl

BEFORE_S = 4.0
AWAY_S = 3.0
"""How long a killed process is away."""
PAUSED_S = 12.0
AFTER_S = 8.0
WRITTEN_WITHIN_S = 45.0
"""After the last answer: longer than a lease, and than the recorder's longest pause."""
UNSAVED_S = 1.0

Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`begin` breaks something, `end` mends it `lasts_s` later."""

    name: str
    begin: Act
    end: Act
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What one fault did."""

    fault: str
    expected: int
    written: int
    wrong: int
    seen: Counter[str]
    untouched: int
    longest_gap_s: float

    @property
    def is_complete(self) -> bool:
        return self.written == self.expected and self.wrong == 0

    def row(self) -> str:
        seen = ", ".join(f"{name} ({count})" for name, count in self.seen.most_common())
        return (
            f"| {self.fault} | {self.expected} | {self.written} | {self.untouched}"
            f" | {seen or 'nothing'} | {self.longest_gap_s:.1f} s |"
        )


def faults(stack: FullStack) -> Iterator[Fault]:
    """Every fault of every part."""
    for part, name in (("nginx", "nginx"), ("web", "web-1"), ("worker", "worker")):
        yield from _process_faults(stack, part, name)
    yield from _postgres_faults(stack)
    redis = stack.redis
    yield Fault("redis killed", redis.kill, redis.start, AWAY_S)
    yield Fault("redis paused", redis.pause, redis.resume, PAUSED_S)
    yield Fault("redis restarted", redis.kill, redis.start, 0)


def _process_faults(stack: FullStack, part: str, name: str) -> Iterator[Fault]:
    def start() -> None:
        match part:
            case "nginx":
                stack.start_nginx()
            case "web":
                stack.spawn_replica(1)
                stack.await_replica(1)
            case "worker":
                stack.start_worker()

    def kill() -> None:
        # As a container dies: nginx's workers would go on without their master.
        process = stack.processes.pop(name)
        signal_family(process.pid, signal.SIGKILL)
        process.wait()

    def restart() -> None:
        stack.stop(name)
        start()

    def send(number: signal.Signals) -> Act:
        return lambda: signal_family(stack.processes[name].pid, number)

    yield Fault(f"{part} killed", kill, start, AWAY_S)
    yield Fault(f"{part} paused", send(signal.SIGSTOP), send(signal.SIGCONT), PAUSED_S)
    yield Fault(f"{part} restarted", restart, _nothing, 0)


def _postgres_faults(stack: FullStack) -> Iterator[Fault]:
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        cluster = Path(row[0])
        # The tests' cluster answers before it has written a commit, which a kill would then lose.
        # The setting holds for new connections, so the others are ended.
        connection.execute("ALTER ROLE kaiwa SET synchronous_commit = 'on'")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND pid <> pg_backend_pid()"
        )

    def send(number: signal.Signals) -> Act:
        pid = int((cluster / "postmaster.pid").read_text().split()[0])
        return lambda: signal_family(pid, number)

    def kill() -> None:
        send(signal.SIGKILL)()

    yield Fault("postgres killed", kill, lambda: pg_ctl(cluster, "restart"), AWAY_S)
    yield Fault(
        "postgres paused",
        lambda: send(signal.SIGSTOP)(),
        lambda: send(signal.SIGCONT)(),
        PAUSED_S,
    )
    yield Fault("postgres restarted", lambda: pg_ctl(cluster, "restart", "-m", "fast"), _nothing, 0)


def _nothing() -> None:
    """Mend nothing."""


def signal_family(pid: int, number: signal.Signals) -> None:
    """Signal a process and its children, the parent first, so that it starts no others."""
    children = children_of(pid)
    os.kill(pid, number)
    for child in children:
        os.kill(child, number)


async def new_session(person: Person) -> str:
    """Create a session; try again while a web process recovers from the fault before."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while True:
        answer = await person.api("POST", "sessions/", {})
        if answer.status == 201:
            session_id: str = answer.json["id"]
            return session_id
        print(f"new session: HTTP {answer.status}", file=sys.stderr)
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.5)


async def suffer(stack: FullStack, person: Person, fault: Fault, calls: int) -> Report:
    """Run the calls, let the fault happen, and count."""
    stopped = asyncio.Event()
    sessions = [await new_session(person) for _ in range(calls)]
    talkers = [Talker(person, session_id, stopped) for session_id in sessions]
    running = [asyncio.create_task(talker.run()) for talker in talkers]
    await asyncio.sleep(BEFORE_S + calls / 25)
    began = time.monotonic()
    await asyncio.to_thread(fault.begin)
    await asyncio.sleep(fault.lasts_s)
    await asyncio.to_thread(fault.end)
    await asyncio.sleep(AFTER_S)
    stopped.set()
    await asyncio.gather(*running)
    if fault.name == "web killed":
        for talker in talkers:
            for item_id in [
                item_id
                for item_id, turn in talker.confirmed.items()
                if began - UNSAVED_S < turn.at <= began
            ]:
                del talker.confirmed[item_id]
    expected = sum(len(talker.confirmed) for talker in talkers)
    missing, wrong = await count_missing(talkers)
    for turn in missing:
        print(f"missing: had {began - turn.at:.2f} s before the fault", file=sys.stderr)
    return Report(
        fault=fault.name,
        expected=expected,
        written=expected - len(missing),
        wrong=wrong,
        seen=sum((talker.seen for talker in talkers), Counter()),
        untouched=sum(not talker.seen for talker in talkers),
        longest_gap_s=max(talker.longest_gap_s() for talker in talkers),
    )


async def turns_of(talker: Talker) -> list[dict[str, Any]]:
    """Return the session's turns; none while the server cannot say."""
    turns: list[dict[str, Any]] = []
    path = f"sessions/{talker.session_id}/turns/?page_size=200"
    for page in itertools.count(1):
        answer = await talker.person.api("GET", f"{path}&page={page}")
        if answer.status != 200:
            return []
        turns += answer.json["results"]
        if answer.json["next"] is None:
            break
    return turns


async def count_missing(talkers: Sequence[Talker]) -> tuple[list[Confirmed], int]:
    """Return the confirmed turns that are not stored, and how many are stored twice or wrongly."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while True:
        missing: list[Confirmed] = []
        wrong = 0
        for talker in talkers:
            turns = await turns_of(talker)
            stored = Counter(turn["item_id"] for turn in turns)
            texts = {turn["item_id"]: turn["text"] for turn in turns}
            for item_id, turn in talker.confirmed.items():
                if item_id not in stored:
                    missing.append(turn)
                elif stored[item_id] > 1 or texts[item_id] != turn.text:
                    wrong += 1
        if not (missing or wrong) or time.monotonic() > deadline:
            return missing, wrong
        await asyncio.sleep(1)


async def run(stack: FullStack, calls: int, only: Sequence[str]) -> bool:
    """Run the faults one after the other and print the table. Returns whether all is complete."""
    # A request to a process that hangs keeps a thread for 20 s: the others must not wait for it.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4 * calls))
    person = await Person.register(stack)
    print("| fault | turns expected | written | calls untouched | seen by clients | longest wait |")
    print("|---|---|---|---|---|---|", flush=True)
    complete = True
    for fault in faults(stack):
        if only and fault.name.replace(" ", "-") not in only:
            continue
        report = await suffer(stack, person, fault, calls)
        complete = complete and report.is_complete
        print(report.row(), flush=True)
    return complete


def main() -> None:
    parser = argparse.ArgumentParser(description="Break the parts of the stack under calls.")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--only", default="", help="such as web-killed,nginx-paused")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    # SIGTERM raises SystemExit, so that everything is stopped as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_full_stack(Path(folder), simulator=("--pace", "5")) as stack,
    ):
        complete = asyncio.run(run(stack, options.calls, only))
    sys.exit(not complete)


if __name__ == "__main__":
    main()
