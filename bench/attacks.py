"""Measure what an attacker adds to the delay of other people's calls, and to the server's memory.

    python -m bench.attacks [--calls 10] [--seconds 8] [--only ping-flood,all]

Ten calls speak at the pace of a microphone, 25 frames a second, through the real server process
with its production settings to `bench.far_end`, which answers each frame with audio. The delay of a
frame is the time from its sender to its receiver, for both directions; the same client also has
a direct connection to the far end, whose delay is the machine's own. Quiet and attacked rounds
alternate. With two cores the server has one for itself; the attacker, a process of its own, shares
the other one with the clients and the far end. Exits 1 if a p99 is over the bound, or the memory.
"""

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from bench.attackers import ATTACKS, LOGINS, Login, run_attack
from bench.cpu import cpu_seconds
from tests.journeys.person import CHUNK_BYTES, CHUNK_MS, Person
from tests.journeys.stack import ROOT, Stack, free_port, running_stack
from tests.journeys.usage import resident_megabytes

BOUND_MS = 30.0
BOUND_MEGABYTES = 64.0
"""What an attack may add to the server's memory: a thousand connections take some 30 MB."""
ALL = "all"
REST_S = 2.0
"""After an attack, before the next quiet round: the last connections are closed."""
_numbers = itertools.count()


def microphone_frame(number: int) -> str:
    """Return 40 ms of audio that begin with this number."""
    audio = base64.b64encode(number.to_bytes(6, "big") + bytes(CHUNK_BYTES - 6)).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


@dataclass(slots=True)
class Voice:
    """One connection that speaks and listens; `delays_ms` has both directions of each frame."""

    socket: ClientConnection
    delays_ms: list[float] = field(default_factory=list)
    _sent_at: dict[int, float] = field(default_factory=dict)

    @property
    def unanswered(self) -> int:
        """The number of frames of which nothing has come back."""
        return len(self._sent_at)

    async def speak(self) -> None:
        """Send a frame every 40 ms, without end; do not catch up on frames that were late."""
        while True:
            number, due = next(_numbers), time.monotonic() + CHUNK_MS / 1000
            self._sent_at[number] = time.monotonic()
            await self.socket.send(microphone_frame(number))
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def listen(self) -> None:
        """Receive, without end."""
        while True:
            text = await self.socket.recv()
            now = time.monotonic()
            event = json.loads(text)
            if event["type"] == "response.output_audio.delta":
                number = int.from_bytes(base64.b64decode(event["delta"][:8]), "big")
                up_s = event["arrived_s"] - self._sent_at.pop(number)
                self.delays_ms += [up_s * 1000, (now - event["arrived_s"]) * 1000]
            elif event["type"] in ("relay.error", "relay.closing"):
                raise SystemExit(f"a call ended in mid-measurement: {text!r}")


@asynccontextmanager
async def talking(voices: Sequence[Voice]) -> AsyncIterator[None]:
    """Let all voices speak and listen inside of the context."""
    tasks = [asyncio.create_task(work()) for v in voices for work in (v.speak, v.listen)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if not isinstance(result, asyncio.CancelledError) and isinstance(result, BaseException):
            raise result


@dataclass(slots=True)
class Round:
    """What one round measured."""

    delays_ms: list[float]
    direct_ms: list[float]
    cpu_share: float
    most_megabytes: float

    def p(self, percent: int) -> float:
        return statistics.quantiles(self.delays_ms, n=100)[percent - 1]

    def direct_p99(self) -> float:
        return statistics.quantiles(self.direct_ms, n=100)[98]


async def measure(voices: Sequence[Voice], direct: Voice, pid: int, seconds: float) -> Round:
    """Collect the delays of this time; note the server's load and its most memory."""
    for voice in (*voices, direct):
        voice.delays_ms.clear()
    began, cpu_before, most = time.monotonic(), cpu_seconds(pid), 0.0
    while time.monotonic() < began + seconds:
        await asyncio.sleep(0.25)
        most = max(most, resident_megabytes(pid))
    share = (cpu_seconds(pid) - cpu_before) / (time.monotonic() - began)
    delays = [delay for voice in voices for delay in voice.delays_ms]
    return Round(delays, list(direct.delays_ms), share, most)


CREATE_USERS = """
from django.contrib.auth.models import User
from backend.accounts import tokens
for number in range({}):
    print("token", tokens.key_for(User.objects.create(username=f"person-{{number}}")))
"""


def users_of(server: Stack, count: int) -> list[Person]:
    """Create users straight in the database: to hash a password takes a quarter of a second."""
    lines = server.manage("shell", "-c", CREATE_USERS.format(count)).splitlines()
    keys = [line.split()[1] for line in lines if line.startswith("token ")]
    return [Person(server, f"person-{number}", key) for number, key in enumerate(keys)]


async def voice_of(person: Person, stack: AsyncExitStack) -> Voice:
    """Open a call that is ready."""
    session_id = await person.new_session()
    ticket = await person.ticket(session_id)
    subprotocols = ["realtime", f"relay.ticket.{ticket}"]
    socket = await stack.enter_async_context(
        connect(
            f"{person.stack.socket_url}/ws/realtime/{session_id}/",
            subprotocols=subprotocols,  # type: ignore[arg-type]
            compression=None,
        )
    )
    while json.loads(await socket.recv())["type"] != "relay.ready":
        pass
    return Voice(socket)


async def run(server: Stack, far_end_port: int, options: argparse.Namespace) -> bool:
    """Measure each attack and print a row of it. Returns whether every bound was held."""
    cores = sorted(os.sched_getaffinity(0))
    attackers_cores = set(cores[1:])
    pid = server.processes["server"].pid
    if attackers_cores:
        pin(pid, {cores[0]})
        os.sched_setaffinity(0, attackers_cores)
    people = users_of(server, options.calls + LOGINS)
    attackers = [people.pop() for _ in range(LOGINS)]
    logins = [Login(each.token, await each.new_session()) for each in attackers]
    names = [*ATTACKS, ALL]
    chosen = [name for name in names if not options.only or name.replace(" ", "-") in options.only]
    is_held = True
    print("| attack | quiet p50 | p99 | attacked p50 | p99 | direct p99 | memory | server | did |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    async with AsyncExitStack() as stack:
        processes = stack.enter_context(ProcessPoolExecutor(len(ATTACKS), get_context("spawn")))
        # All processes start and import their modules here, and not in the first attack.
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(processes, time.sleep, 1.0) for _ in ATTACKS))
        direct = Voice(
            await stack.enter_async_context(
                connect(f"ws://127.0.0.1:{far_end_port}/", compression=None)
            )
        )
        voices = [await voice_of(person, stack) for person in people]
        async with talking([*voices, direct]):
            # The first round warms the server up.
            await measure(voices, direct, pid, 2)
            for name in chosen:
                quiet = await measure(voices, direct, pid, options.seconds)
                running = [
                    loop.run_in_executor(
                        processes, run_attack, one, server.port, logins,
                        options.seconds, attackers_cores,
                    )
                    for one in (ATTACKS if name == ALL else [name])
                ]  # fmt: skip
                attacked = await measure(voices, direct, pid, options.seconds)
                did = sum(await asyncio.gather(*running), Counter())
                grown = attacked.most_megabytes - quiet.most_megabytes
                is_held = is_held and attacked.p(99) < BOUND_MS and grown < BOUND_MEGABYTES
                print(row(name, quiet, attacked, grown, did), flush=True)
                await asyncio.sleep(REST_S)
    print(f"bound: p99 < {BOUND_MS:.0f} ms, memory < {BOUND_MEGABYTES:.0f} MB:", end=" ")
    print("held" if is_held else "NOT HELD")
    return is_held


def row(name: str, quiet: Round, attacked: Round, grown: float, did: Counter[str]) -> str:
    """Return one row of the table."""
    done = ", ".join(f"{count:,} {what}" for what, count in did.most_common())
    return (
        f"| {name} | {quiet.p(50):.1f} ms | {quiet.p(99):.1f} ms | {attacked.p(50):.1f} ms"
        f" | {attacked.p(99):.1f} ms | {attacked.direct_p99():.1f} ms | {grown:+.1f} MB"
        f" | {quiet.cpu_share:.2f} → {attacked.cpu_share:.2f} of a core | {done} |"
    )


def pin(pid: int, cores: set[int]) -> None:
    """Let all threads of a process run on these cores only; threads made later inherit it."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure calls under attack.")
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round")
    parser.add_argument("--only", default="", help="such as ping-flood,all")
    options = parser.parse_args()
    port = free_port()
    far_end = subprocess.Popen(
        [sys.executable, "-m", "bench.far_end", str(port)], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert far_end.stdout is not None
        far_end.stdout.readline()
        with (
            tempfile.TemporaryDirectory() as folder,
            running_stack(
                Path(folder), simulator=("--cheap",), OPENAI_BASE_URL=f"http://127.0.0.1:{port}"
            ) as stack,
        ):
            is_held = asyncio.run(run(stack, port, options))
    finally:
        far_end.terminate()
        far_end.wait()
    sys.exit(not is_held)


if __name__ == "__main__":
    main()
