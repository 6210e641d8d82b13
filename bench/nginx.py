"""Measure the processor time of an event with nginx and TLS in front of a server, and without.

    python -m bench.nginx [--calls 20] [--rounds 3]

The same calls run in the same stack, first straight to one replica, then through nginx to the same
one. Each client speaks a sentence and listens to the answer, `rounds` times. An event is a frame of
either direction. Processor time is that of the replica, and of nginx's master and workers.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import cpu_seconds
from tests.full_stack import FullStack, children_of, running_full_stack
from tests.journeys.person import CHUNK_BYTES, Person
from tests.journeys.speech import QUESTION, speak
from tests.journeys.stack import Stack

REPLICA = 1
NAME_FORGOTTEN_S = 2.0
"""nginx looks `web` up again in the next second."""


@dataclass(slots=True, kw_only=True)
class OneReplica(Stack):
    """The stack as a client sees it that goes straight to one replica."""

    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Events, and the processor time of both in seconds."""

    events: int
    replica_s: float
    nginx_s: float

    def row(self, name: str) -> str:
        replica_us, nginx_us = (
            seconds / self.events * 1e6 for seconds in (self.replica_s, self.nginx_s)
        )
        return (
            f"{name:<16} {self.events:>8} events   replica {replica_us:6.1f} µs"
            f"   nginx {nginx_us:6.1f} µs   together {replica_us + nginx_us:6.1f} µs"
        )


async def one_call(person: Person, session_id: str, wait_s: float, rounds: int) -> int:
    """Speak and listen this often. Returns the number of frames in both directions."""
    sound = await speak(QUESTION)
    await asyncio.sleep(wait_s)
    async with person.call(session_id) as live:
        for _ in range(rounds):
            at = len(live.events)
            await live.say(sound)
            await live.say_nothing(0.7)
            await live.until_type("response.done", after=at, seconds=120)
        return len(live.events) + len(live.sent_audio) // CHUNK_BYTES


async def measure(stack: Stack, pids: tuple[int, list[int]], calls: int, rounds: int) -> Cost:
    """Run the calls. `pids` are the replica's and nginx's."""
    replica, nginx = pids
    person = await Person.register(stack)
    sessions = [await person.new_session() for _ in range(calls)]
    before = cpu_seconds(replica), cpu_by_process(nginx)
    events = await asyncio.gather(
        *(one_call(person, each, number / 10, rounds) for number, each in enumerate(sessions))
    )
    after = cpu_seconds(replica), cpu_by_process(nginx)
    nginx_s = sum(seconds - before[1][pid] for pid, seconds in after[1].items())
    return Cost(sum(events), after[0] - before[0], nginx_s)


def cpu_by_process(pids: Iterable[int]) -> dict[int, float]:
    """Return the processor time of those that run: nginx's cache loader ends after a minute."""
    return {pid: cpu_seconds(pid) for pid in pids if Path(f"/proc/{pid}").exists()}


async def run(stack: FullStack, calls: int, rounds: int) -> None:
    """Measure both ways and print them."""
    await speak(QUESTION)
    stack.publish_replicas(REPLICA)
    await asyncio.sleep(NAME_FORGOTTEN_S)
    master = stack.processes["nginx"].pid
    pids = stack.processes[f"web-{REPLICA}"].pid, [master, *children_of(master)]
    straight = OneReplica(
        folder=stack.folder,
        server=stack.server,
        env=stack.env,
        port=stack.web_port,
        simulator_port=stack.simulator_port,
        address=stack.replica_address(REPLICA),
    )
    began = time.monotonic()
    without = await measure(straight, pids, calls, rounds)
    with_nginx = await measure(stack, pids, calls, rounds)
    print(f"{calls} calls, {rounds} spoken questions each, {time.monotonic() - began:.0f} s in all")
    print(without.row("without nginx"))
    print(with_nginx.row("with nginx, TLS"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Processor time of an event with nginx.")
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_full_stack(Path(folder), simulator=("--pace", "1")) as stack,
    ):
        asyncio.run(run(stack, options.calls, options.rounds))


if __name__ == "__main__":
    main()
