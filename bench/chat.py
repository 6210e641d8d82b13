"""Measure typed messages: how soon the first word comes, and how much they delay voices.

    python -m bench.chat [--messages 50] [--calls 5] [--streams 20] [--seconds 5] [--apart]

Prints the time from the provider's first text delta to the first word at an HTTP client (exits 1
if p95 is over 50 ms), and the time from an audio delta of the provider to a call's client, without
and with messages that stream at the same time, and the ratio of both. Quiet and busy rounds
alternate, so that other load on the machine affects both.

The provider is the simulator, behind `bench.tap`, which notes when its events pass; the times
contain this hop. It sends words every 20 ms and audio five times faster than real time. The
streamed messages have a client process of their own, which sends the next one as soon as one is
answered. With `--apart` they have a server process of their own too, as the service `calls` of
docker-compose.yml gives it.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import httpx2

from bench.cpu import cpu_seconds
from bench.tap import Tap
from tests.journeys.person import LiveCall, Person
from tests.journeys.stack import Stack, free_port, running_stack

TARGET_MS = 50.0
ROUNDS = 3
QUESTION = "How many people work on the orders?"


async def send_message(client: httpx2.AsyncClient, session_id: str) -> float | None:
    """Send a message and read its answer to the end. Returns when its first word came.

    None if there was none: the database of a busy machine did not answer in time (503).
    """
    first_word_at: float | None = None
    async with client.stream(
        "POST", f"/api/sessions/{session_id}/messages/", json={"text": QUESTION}
    ) as response:
        if response.status_code not in (200, 503):
            raise SystemExit(f"a message was answered {response.status_code}")
        async for chunk in response.aiter_raw():
            if first_word_at is None and b"message.delta" in chunk:
                first_word_at = time.monotonic()
    return first_word_at


def new_client(url: str, token: str) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Token {token}", "Accept": "text/event-stream"}
    return httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60)


async def first_words(person: Person, tap: Tap, messages: int) -> list[float]:
    """Milliseconds from the provider's first delta to the client's first word, one by one."""
    waits_ms = []
    async with new_client(person.stack.url, person.token) as client:
        # The first message of a process imports the SDK's types and opens the connection.
        await send_message(client, await person.new_session())
        for _ in range(messages):
            session_id = await person.new_session()
            tap.text_delta_at.clear()
            first_word_at = await send_message(client, session_id)
            if first_word_at is not None:
                waits_ms.append((first_word_at - tap.text_delta_at[0]) * 1000)
    return waits_ms


def stream_messages(
    url: str, token: str, session_ids: Sequence[str], seconds: float
) -> Counter[bool]:
    """Stream messages in all these sessions at once for this time; count the answered ones."""
    counts: Counter[bool] = Counter()

    async def one_session(client: httpx2.AsyncClient, session_id: str, until: float) -> None:
        while time.monotonic() < until:
            counts[await send_message(client, session_id) is not None] += 1

    async def all_sessions() -> None:
        until = time.monotonic() + seconds
        async with new_client(url, token) as client:
            await asyncio.gather(
                *(one_session(client, session_id, until) for session_id in session_ids)
            )

    asyncio.run(all_sessions())
    return counts


async def talk(live: LiveCall, until: float) -> None:
    """Ask in the call and receive the spoken answers, one after the other, until this time."""
    while time.monotonic() < until:
        after = len(live.events)
        await live.type(QUESTION)
        await live.until_type("response.done", after=after, seconds=60)


def audio_waits_ms(live: LiveCall, tap: Tap, first: int) -> list[float]:
    """Milliseconds from the provider to the client, for the call's audio from event `first` on."""
    return [
        (at - tap.event_at[event["event_id"]]) * 1000
        for event, at in zip(live.events[first:], live.arrived[first:], strict=True)
        if event["type"] == "response.output_audio.delta" and event["event_id"] in tap.event_at
    ]


@dataclass(slots=True)
class Rounds:
    """The quiet or the busy rounds: how long each audio delta took, and the server's load."""

    waits_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    wall_s: float = 0.0


async def voices(
    person: Person, tap: Tap, messages_url: str, options: argparse.Namespace
) -> tuple[Rounds, Rounds, Counter[bool]]:
    """Run quiet and busy rounds in turns. Returns both, and the count of `stream_messages`."""
    server = person.stack.processes["server"].pid
    token, seconds = person.token, options.seconds
    sessions = [await person.new_session() for _ in range(options.streams)]
    quiet, busy = Rounds(), Rounds()
    counts: Counter[bool] = Counter()
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        # The process starts and imports its modules here, and not in the first busy round.
        await loop.run_in_executor(processes, stream_messages, messages_url, token, [], 0.0)
        async with AsyncExitStack() as stack:
            lives = [
                await stack.enter_async_context(person.call(await person.new_session()))
                for _ in range(options.calls)
            ]
            for rounds in (quiet, busy) * ROUNDS:
                first = [len(live.events) for live in lives]
                tap.event_at.clear()
                began, cpu_before = time.monotonic(), cpu_seconds(server)
                talking = asyncio.gather(*(talk(live, began + seconds) for live in lives))
                if rounds is busy:
                    counts += await loop.run_in_executor(
                        processes, stream_messages, messages_url, token, sessions, seconds
                    )
                await talking
                rounds.wall_s += time.monotonic() - began
                rounds.cpu_s += cpu_seconds(server) - cpu_before
                for live, index in zip(lives, first, strict=True):
                    rounds.waits_ms += audio_waits_ms(live, tap, index)
    return quiet, busy, counts


def start_another_server(stack: Stack) -> str:
    """Start a second server process on the same database. Returns its URL."""
    another = replace(stack, port=free_port())
    another.env = {**stack.env, "PORT": str(another.port)}
    another.start_server("messages")
    return another.url


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def run(stack: Stack, tap_port: int, options: argparse.Namespace) -> bool:
    """Measure and print. Returns whether the first word comes in time."""
    tap = Tap()
    async with tap.listening(tap_port, stack.simulator_port):
        person = await Person.register(stack)
        waits_ms = await first_words(person, tap, options.messages)
        p95 = percentile(waits_ms, 95)
        print(
            f"first word     p50 {percentile(waits_ms, 50):6.2f} ms, p95 {p95:6.2f} ms,"
            f" {p95 / TARGET_MS:.2f} of the target ({len(waits_ms)} messages)"
        )
        messages_url = start_another_server(stack) if options.apart else stack.url
        quiet, busy, counts = await voices(person, tap, messages_url, options)
    for name, rounds in (("quiet", quiet), ("busy", busy)):
        waits = rounds.waits_ms
        print(
            f"voice, {name:6}  p50 {percentile(waits, 50):6.2f} ms,"
            f" p99 {percentile(waits, 99):6.2f} ms ({len(waits)} audio deltas of {options.calls}"
            f" calls; the server used {rounds.cpu_s / rounds.wall_s:.2f} of a core)"
        )
    ratios = (
        percentile(busy.waits_ms, each) / percentile(quiet.waits_ms, each) for each in (50, 99)
    )
    print(
        "busy to quiet  p50 {:6.2f}, p99 {:6.2f}".format(*ratios),
        f"({options.streams} streams: {counts[True]} messages answered, {counts[False]} refused)",
    )
    return p95 <= TARGET_MS


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure typed messages beside calls.")
    parser.add_argument("--messages", type=int, default=50, help="for the first word")
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--streams", type=int, default=20, help="messages at once")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--apart", action="store_true", help="calls in a process of their own")
    options = parser.parse_args()
    tap_port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(
            Path(folder),
            simulator=("--cheap",),
            OPENAI_BASE_URL=f"http://127.0.0.1:{tap_port}/v1",
        ) as stack,
    ):
        is_in_time = asyncio.run(run(stack, tap_port, options))
    sys.exit(not is_in_time)


if __name__ == "__main__":
    main()
