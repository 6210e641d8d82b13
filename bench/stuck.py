"""Measure clients that stop reading: when they are cut off, and what they cost until then.

    python -m bench.stuck [--readers 20] [--frame-kb 64] [--microphone]

The real server runs with production settings, and a provider that sends audio as fast as it is
taken. Each client waits for `relay.ready` and reads nothing from there on; with `--microphone` it
goes on sending audio. Printed are the seconds from there to the end of the provider's connection
and to the last socket's, what was taken from the provider for each client (its own socket buffer is
kept small), and how much the memory of the server grew. Exits 1 if a bound is not met.
"""

import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.journeys.person import Person
from tests.journeys.stack import Stack, running_stack

CUT_WITHIN_S = 12.0
TAKEN_MB = 3.0
"""For one client. 1.4 is usual; what the kernels keep differs from one connection to the next."""
GROWTH_MB = 16.0
PROVIDER_BUFFER_BYTES = 64 * 1024
_ESTABLISHED = "01"


@dataclass(slots=True)
class Flood:
    """A provider that configures each session and then sends audio without end."""

    frame_bytes: int
    taken_bytes: list[int] = field(default_factory=list)
    ended_at: list[float] = field(default_factory=list)

    async def serve_call(self, connection: ServerConnection) -> None:
        await connection.send(json.dumps({"type": "session.created", "session": {}}))
        await connection.recv()
        await connection.send(json.dumps({"type": "session.updated", "session": {}}))
        delta = {
            "type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "item_1",
            "output_index": 0, "content_index": 0, "delta": "A" * self.frame_bytes,
        }  # fmt: skip
        text = json.dumps(delta)
        sent_bytes = 0
        try:
            while True:
                await connection.send(text)
                sent_bytes += len(text)
        except ConnectionClosed:
            self.taken_bytes.append(sent_bytes)
            self.ended_at.append(time.monotonic())


ADD_USERS = """
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
for number in range({count}):
    print(Token.objects.create(user=User.objects.create_user(f"reader-{{number}}")).key)
"""


def people_of(stack: Stack, count: int) -> list[Person]:
    """Users with tokens, made without a password: to hash one takes a second."""
    printed = stack.manage("shell", "--verbosity", "0", "--command", ADD_USERS.format(count=count))
    return [Person(stack, "reader", token) for token in printed.split()]


async def stop_reading(stack: Stack, person: Person) -> tuple[ClientConnection, float]:
    """Open a call and read until it is ready. Returns the socket and the time."""
    session_id = await person.new_session()
    ticket = await person.ticket(session_id)
    client = await connect(
        f"{stack.socket_url}/ws/realtime/{session_id}/",
        subprotocols=["realtime", f"relay.ticket.{ticket}"],  # type: ignore[list-item]
        compression=None,
        max_queue=1,
        ping_interval=None,
    )
    while "relay.ready" not in str(await client.recv()):
        pass
    return client, time.monotonic()


async def send_microphone(client: ClientConnection) -> None:
    """Send audio as a microphone does, and read nothing."""
    audio = base64.b64encode(bytes(1920)).decode()
    append = json.dumps({"type": "input_audio_buffer.append", "audio": audio})
    try:
        while True:
            await client.send(append)
            await asyncio.sleep(0.04)
    except ConnectionClosed:
        return


def rss_mb(pid: int) -> float:
    """The memory of a process."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_sockets(port: int) -> int:
    """The number of established connections of the server that listens on this port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] == _ESTABLISHED for line in lines)


async def run(stack: Stack, flood: Flood, readers: int, *, has_microphone: bool) -> bool:
    """Run the clients and print the figures. Returns whether the bounds are met."""
    server = stack.processes["server"].pid
    people = await asyncio.to_thread(people_of, stack, readers)
    warm, _ = await stop_reading(stack, people[0])
    warm.transport.abort()
    # The provider's end of it is in this process, but has no event to wait for.
    while not flood.ended_at:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    flood.taken_bytes.clear()
    flood.ended_at.clear()
    before_mb = rss_mb(server)
    opened = [await stop_reading(stack, person) for person in people]
    sending = [
        asyncio.create_task(send_microphone(client)) for client, _ in opened if has_microphone
    ]
    stopped_at = [at for _, at in opened]
    peak_mb, sockets_closed_at = before_mb, 0.0
    while not sockets_closed_at and time.monotonic() < stopped_at[-1] + 40:
        await asyncio.sleep(0.05)
        peak_mb = max(peak_mb, rss_mb(server))
        if len(flood.ended_at) == readers and open_sockets(stack.port) == 0:
            sockets_closed_at = time.monotonic()
    for task in sending:
        task.cancel()
    for client, _ in opened:
        client.transport.abort()
    # The calls were opened, and are cut, in one order.
    cut_s = [end - start for start, end in zip(stopped_at, sorted(flood.ended_at), strict=False)]
    closed_s = sockets_closed_at - stopped_at[-1]
    taken_mb = [size / 1e6 for size in flood.taken_bytes] or [float("inf")]
    grown_mb = peak_mb - before_mb
    print(f"stuck readers    {readers}, frames of {flood.frame_bytes / 1024:.0f} KB")
    if cut_s:
        print(f"provider closed  {min(cut_s):.1f} to {max(cut_s):.1f} s after the client stopped")
    print(f"last socket      {closed_s:.1f} s after its client stopped")
    middle_mb = statistics.median(taken_mb)
    print(f"taken            {middle_mb:.1f} MB a client, {max(taken_mb):.1f} at most")
    print(f"memory           {grown_mb:.1f} MB more for all")
    return (
        len(cut_s) == readers
        and 0 < max(*cut_s, closed_s) <= CUT_WITHIN_S
        and max(taken_mb) <= TAKEN_MB
        and grown_mb <= GROWTH_MB
    )


async def measure(folder: Path, options: argparse.Namespace) -> bool:
    flood = Flood(options.frame_kb * 1024)
    listener = socket.create_server(("127.0.0.1", 0))
    # Inherited by the accepted sockets.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PROVIDER_BUFFER_BYTES)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    async with serve(flood.serve_call, sock=listener, compression=None, ping_interval=None):
        context = running_stack(folder, OPENAI_BASE_URL=url)
        stack = await asyncio.to_thread(context.__enter__)
        try:
            return await run(stack, flood, options.readers, has_microphone=options.microphone)
        finally:
            await asyncio.to_thread(context.__exit__, None, None, None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure clients that stop reading.")
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--frame-kb", type=int, default=64)
    parser.add_argument("--microphone", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        is_met = asyncio.run(measure(Path(folder), options))
    sys.exit(not is_met)


if __name__ == "__main__":
    main()
