"""Run many concurrent calls on one machine and check that every turn is written.

    python -m bench.calls [--calls 200] [--server uvicorn|daphne] [--database-url URL] [--budgets]

Each client speaks a sentence in real time, listens to the answer, types a message, listens to that
answer and leaves: four turns. Server, simulator and clients share the machine. The delay is the
time from the end of the client's speech to the first audio of the answer; it contains the 500 ms of
silence that end a turn and the simulator's own work. Exits 1 if a turn was lost.

With `--budgets` the calls are run twice, first without and then with budgets of money and minutes
that are too large to be spent: each call and each typed message then reserves its part, and the
heartbeat sums what was spent.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.cpu import cpu_seconds
from tests.journeys.person import LiveCall, Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import Stack, running_stack

TURNS_A_CALL = 4
ARRIVALS_A_SECOND = 20
LARGE_BUDGETS = {"BUDGET_USD_PER_MONTH": "1000000", "BUDGET_MINUTES_PER_DAY": "1000000"}
"""Nobody spends them, so that only the accounting is measured."""


async def one_call(person: Person, session_id: str, wait_s: float, sound: bytes) -> float:
    """Run one client's four turns; return the seconds from its speech to the first audio."""
    await asyncio.sleep(wait_s)
    async with person.call(session_id) as live:
        await live.say(sound)
        spoke_at = time.monotonic()
        await live.say_nothing(0.7)
        answered = await live.until_type("response.done", seconds=120)
        delay_s = first_sound(live) - spoke_at
        await live.type("How much does it cost?")
        await live.until_type("response.done", after=answered + 1, seconds=120)
    return delay_s


def first_sound(live: LiveCall) -> float:
    """Return when the first audio of the call arrived, on the monotonic clock."""
    return next(
        at
        for event, at in zip(live.events, live.arrived, strict=True)
        if event["type"] == "response.output_audio.delta"
    )


async def written(person: Person, sessions: list[str], expected: int) -> int:
    """Count the final turns with text in the database; wait up to 30 s for `expected`."""
    deadline = time.monotonic() + 30
    while True:
        count = 0
        for session_id in sessions:
            turns = await person.turns(session_id)
            count += sum(bool(turn["text"]) and turn["status"] != "in_progress" for turn in turns)
        if count >= expected or time.monotonic() > deadline:
            return count
        await asyncio.sleep(0.5)


async def run(stack: Stack, calls: int) -> bool:
    """Run the calls and print the figures. Returns whether every turn was written."""
    sound = await speak(QUESTION)
    person = await Person.register(stack)
    sessions = [await person.new_session() for _ in range(calls)]
    server = stack.processes["server"].pid
    began, cpu_before = time.monotonic(), cpu_seconds(server)
    results = await asyncio.gather(
        *(
            one_call(person, session_id, number / ARRIVALS_A_SECOND, sound)
            for number, session_id in enumerate(sessions)
        ),
        return_exceptions=True,
    )
    wall_s, cpu_s = time.monotonic() - began, cpu_seconds(server) - cpu_before
    delays = sorted(result for result in results if isinstance(result, float))
    failed = [result for result in results if isinstance(result, BaseException)]
    expected = calls * TURNS_A_CALL
    count = await written(person, sessions, expected)
    print(f"calls            {calls} ({len(failed)} failed)")
    print(f"turns expected   {expected}")
    print(f"turns written    {count}")
    print(f"wall clock       {wall_s:.1f} s; the server used {cpu_s:.1f} s of one core")
    if delays:
        p50, p95 = statistics.median(delays), delays[int(len(delays) * 0.95)]
        print(f"first sound      p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms after the speech")
    for kind in sorted({f"{type(error).__name__}: {error}"[:200] for error in failed})[:5]:
        print(f"failure          {kind}", file=sys.stderr)
    return count == expected and not failed


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Count the turns that many concurrent calls write."
    )
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--budgets", action="store_true", help="run again, with large budgets")
    options = parser.parse_args()
    env = {"DATABASE_URL": options.database_url} if options.database_url else {}
    complete = run_on_new_stack(options, env)
    if options.budgets:
        print("\nwith budgets of money and minutes:")
        complete = run_on_new_stack(options, env | LARGE_BUDGETS) and complete
    sys.exit(not complete)


def run_on_new_stack(options: argparse.Namespace, env: Mapping[str, str]) -> bool:
    """Start a server with these settings and run the calls. Returns whether all was written."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), server=options.server, simulator=(), **env) as stack,
    ):
        return asyncio.run(run(stack, options.calls))


if __name__ == "__main__":
    main()
