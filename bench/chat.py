"""Measure typed messages: how soon the first word comes, and how much they delay voices.

    python -m bench.chat [--messages 50] [--calls 5] [--streams 20] [--seconds 5] [--apart]

Prints the time from the provider's first text delta to the first word at an HTTP client (exits 1
if p95 is over 50 ms). Then the time from an audio delta of the provider to a call's client, in
three kinds of rounds, which take turns so that other load on the machine affects all of them:

- quiet: no messages.
- at once: twenty messages begin at the same moment, and the next twenty when all are answered.
  Only audio deltas that come while messages are being answered count.
- one after the other: twenty clients, of which each sends its next message as soon as the last one
  is answered. This is much harsher than people who read what they are answered.

The provider is the simulator, behind `bench.tap`, which notes when its events pass; the times
contain this hop. It sends 50 words a second, as a model does, and audio five times faster than real
time. Simulator, tap, calls, messages and server are a process each. With `--apart` the messages
have a server process of their own too, as docker-compose.yml gives them.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import httpx2

from bench.cpu import cpu_seconds
from bench.tap_process import RemoteTap, TapTimes, tap_process
from tests.journeys.person import LiveCall, Person
from tests.journeys.stack import Stack, free_port, running_stack

TARGET_MS = 50.0
ROUNDS = 3
PAUSE_S = 0.2
"""Between the last answer and the next messages, where they begin at the same moment."""
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


async def first_words(person: Person, tap: RemoteTap, messages: int) -> list[float]:
    """Milliseconds from the provider's first delta to the client's first word, one by one."""
    waits_ms = []
    async with new_client(person.stack.url, person.token) as client:
        # The first message of a process imports the SDK's types and opens the connection.
        await send_message(client, await person.new_session())
        for _ in range(messages):
            session_id = await person.new_session()
            await tap.take()
            first_word_at = await send_message(client, session_id)
            if first_word_at is not None:
                waits_ms.append((first_word_at - (await tap.take()).text_delta_at[0]) * 1000)
    return waits_ms


Window = tuple[float, float]
"""Begin and end, on the monotonic clock."""


@dataclass(slots=True)
class Streamed:
    """What a client process did: its messages by whether they were answered, and when."""

    counts: Counter[bool] = field(default_factory=Counter)
    windows: list[Window] = field(default_factory=list)


def stream_at_once(url: str, token: str, session_ids: Sequence[str], seconds: float) -> Streamed:
    """For this time, begin a message in each session at the same moment, until all are answered."""
    streamed = Streamed()

    async def all_sessions() -> None:
        until = time.monotonic() + seconds
        async with new_client(url, token) as client:
            while (began := time.monotonic()) < until:
                first_words = await asyncio.gather(*(send_message(client, x) for x in session_ids))
                streamed.windows.append((began, time.monotonic()))
                streamed.counts.update(each is not None for each in first_words)
                await asyncio.sleep(PAUSE_S)

    asyncio.run(all_sessions())
    return streamed


def stream_one_after_the_other(
    url: str, token: str, session_ids: Sequence[str], seconds: float
) -> Streamed:
    """For this time, send the next message in each session as soon as the last one is answered."""
    streamed = Streamed()

    async def one_session(client: httpx2.AsyncClient, session_id: str, until: float) -> None:
        while time.monotonic() < until:
            streamed.counts[await send_message(client, session_id) is not None] += 1

    async def all_sessions() -> None:
        began = time.monotonic()
        async with new_client(url, token) as client:
            await asyncio.gather(
                *(one_session(client, session_id, began + seconds) for session_id in session_ids)
            )
        streamed.windows.append((began, time.monotonic()))

    asyncio.run(all_sessions())
    return streamed


async def talk(live: LiveCall, until: float) -> None:
    """Ask in the call and receive the spoken answers, one after the other, until this time."""
    while time.monotonic() < until:
        after = len(live.events)
        await live.type(QUESTION)
        await live.until_type("response.done", after=after, seconds=60)


def audio_waits_ms(
    live: LiveCall, times: TapTimes, first: int, windows: Sequence[Window]
) -> list[float]:
    """Milliseconds from the provider to the client, for the call's audio from event `first` on.

    Only of the deltas that the provider sent within one of these windows.
    """
    sent_and_arrived = [
        (times.event_at[event["event_id"]], at)
        for event, at in zip(live.events[first:], live.arrived[first:], strict=True)
        if event["type"] == "response.output_audio.delta" and event["event_id"] in times.event_at
    ]
    return [
        (arrived - sent) * 1000
        for sent, arrived in sent_and_arrived
        if any(began <= sent <= ended for began, ended in windows)
    ]


Stream = Callable[[str, str, Sequence[str], float], Streamed]


@dataclass(slots=True)
class Rounds:
    """All rounds of one kind: how long each audio delta took, and the load of the servers."""

    name: str
    stream: Stream | None = None
    waits_ms: list[float] = field(default_factory=list)
    counts: Counter[bool] = field(default_factory=Counter)
    cpu_s: float = 0.0
    wall_s: float = 0.0


async def voices(
    person: Person, tap: RemoteTap, messages_url: str, options: argparse.Namespace
) -> list[Rounds]:
    """Run the rounds of all kinds in turns."""
    servers = [
        process.pid
        for name, process in person.stack.processes.items()
        if name in ("server", "messages")
    ]
    sessions = [await person.new_session() for _ in range(options.streams)]
    kinds = [
        Rounds("quiet"),
        Rounds("at once", stream_at_once),
        Rounds("one after the other", stream_one_after_the_other),
    ]
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, get_context("spawn")) as client:
        # The process starts and imports its modules here, and each session has its first answer.
        await loop.run_in_executor(
            client, stream_at_once, messages_url, person.token, sessions, PAUSE_S
        )
        async with AsyncExitStack() as stack:
            lives = [
                await stack.enter_async_context(person.call(await person.new_session()))
                for _ in range(options.calls)
            ]
            for rounds in kinds * ROUNDS:
                first = [len(live.events) for live in lives]
                await tap.take()
                began, cpu_before = time.monotonic(), sum(map(cpu_seconds, servers))
                talking = asyncio.gather(*(talk(live, began + options.seconds) for live in lives))
                windows = [(began, began + options.seconds)]
                if rounds.stream is not None:
                    streamed = await loop.run_in_executor(
                        client, rounds.stream, messages_url, person.token, sessions, options.seconds
                    )
                    windows = streamed.windows
                    rounds.counts += streamed.counts
                await talking
                rounds.wall_s += time.monotonic() - began
                rounds.cpu_s += sum(map(cpu_seconds, servers)) - cpu_before
                times = await tap.take()
                for live, index in zip(lives, first, strict=True):
                    rounds.waits_ms += audio_waits_ms(live, times, index, windows)
    return kinds


def report(rounds: Rounds, quiet: Rounds) -> str:
    """One line: how long audio took and, with messages, what they added and cost."""
    p50, p99 = percentile(rounds.waits_ms, 50), percentile(rounds.waits_ms, 99)
    text = (
        f"voice, {rounds.name:20} p50 {p50:6.2f} ms, p99 {p99:6.2f} ms"
        f" ({len(rounds.waits_ms)} audio deltas)"
    )
    if rounds is quiet:
        return text
    cpu_s = rounds.cpu_s - quiet.cpu_s / quiet.wall_s * rounds.wall_s
    return (
        f"{text}; added p50 {p50 - percentile(quiet.waits_ms, 50):.2f} ms,"
        f" p99 {p99 - percentile(quiet.waits_ms, 99):.2f} ms;"
        f" {cpu_s / max(1, rounds.counts.total()) * 1000:.0f} ms of processor time a message"
        f" ({rounds.counts[True]} answered, {rounds.counts[False]} refused)"
    )


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
    async with tap_process(tap_port, stack.simulator_port) as tap:
        person = await Person.register(stack)
        waits_ms = await first_words(person, tap, options.messages)
        p95 = percentile(waits_ms, 95)
        print(
            f"first word  p50 {percentile(waits_ms, 50):.2f} ms, p95 {p95:.2f} ms,"
            f" {p95 / TARGET_MS:.2f} of the target ({len(waits_ms)} messages)"
        )
        messages_url = start_another_server(stack) if options.apart else stack.url
        kinds = await voices(person, tap, messages_url, options)
    for rounds in kinds:
        print(report(rounds, kinds[0]))
    return p95 <= TARGET_MS


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure typed messages beside calls.")
    parser.add_argument("--messages", type=int, default=50, help="for the first word")
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--streams", type=int, default=20, help="messages at once")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument(
        "--apart", action="store_true", help="messages in another process than calls"
    )
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
