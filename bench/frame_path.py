"""Measure a frame's way through one process: both WebSockets, and the call between them.

    python -m bench.frame_path [--calls 100]

Bytes in at one end, bytes out at the other, on transports that do nothing: the kernel, uvloop and
the database are not in it. Prints the processor time of a frame in microseconds, the best of some
rounds, and how many Python functions it calls. With many calls each finds its own data less often
in the processor's cache, as in a server.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.protocol import State as ConnectionState
from websockets.uri import parse_uri

from backend.gateway.socket import ClientSocket
from backend.protocol.endings import Ending
from backend.protocol.text_frames import DIRECT_TEXT, text_head
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage
from backend.relay.call import Call
from backend.relay.call_logic import State
from backend.relay.limits import Limits
from backend.relay.plan import CallPlan
from backend.serving.websocket_protocol import BoundedWebSocketProtocol
from backend.upstream.connector import ProviderSocket
from backend.upstream.text_connection import TextConnection
from backend.websocket_parser import apply_mask
from bench.call_logic import audio, delta, event_text

ROUNDS = 5
FRAMES = 200
COUNTED_FRAMES = 50
MASK = b"\x01\x02\x03\x04"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Transport(asyncio.Transport):
    """Counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, data: Any) -> None:
        self.writes += 1

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is kept."""

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    resume_reading = close = abort = pause_reading


class NoRecorder:
    """Keeps nothing: `relay.ports.CallRecorder`."""

    def keep(self, turn: Turn) -> None:
        """Keep nothing."""

    def count(self, usage: Usage) -> None:
        """Count nothing."""

    async def finish(self, ending: Ending) -> None:
        """Write nothing."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a call that is ready."""

    client: BoundedWebSocketProtocol
    provider: TextConnection
    transports: tuple[Transport, Transport]

    @property
    def writes(self) -> int:
        """How many frames both ends have sent."""
        return sum(transport.writes for transport in self.transports)


async def opened(number: int) -> Ends:
    """Open a call, of whose client the rate is not limited."""
    protocol = ClientProtocol(parse_uri("ws://x/"), state=ConnectionState.OPEN)
    provider, to_provider = TextConnection(protocol, ping_interval=None, max_queue=4), Transport()
    provider.connection_made(to_provider)
    # As after the answer to the handshake.
    provider.response = cast(Any, object())

    async def connect() -> ProviderSocket:
        created = event_text(type="session.created", session={})
        return ProviderSocket(cast(Any, None), provider, created, close_timeout_s=0.5)

    limits = Limits(client_burst_frames=1e12, client_burst_bytes=1e15)
    plan = CallPlan(f"call_{number}", "s", "en", "m", "v", {}, limits=limits)
    calls: list[Call] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        client = ClientSocket(receive, send, scope["extensions"][DIRECT_TEXT])
        await receive()
        await client.accept(None)
        calls.append(Call(plan, client, connect, NoRecorder()))
        await calls[0].run()

    config = uvicorn.Config(application, lifespan="off", ws_per_message_deflate=False)
    config.load()
    config.loaded_app = application
    client, to_client = BoundedWebSocketProtocol(config, ServerState(), {}), Transport()
    client.connection_made(to_client)
    client.data_received(HANDSHAKE)
    await settle()
    provider.data_received(frame(event_text(type="session.updated", session={})))
    await settle()
    if calls[0].state is not State.READY:
        raise SystemExit("the call is not ready: nothing would be measured")
    return Ends(client, provider, (to_client, to_provider))


async def settle() -> None:
    """Let everything that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def frame(text: str, mask: bytes = b"") -> bytes:
    """A text frame as a side sends it."""
    content = text.encode()
    return text_head(len(content), mask) + (apply_mask(content, mask) if mask else content)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of frame: how one of them is made, from its response's id and its number."""

    name: str
    is_from_client: bool
    make: Callable[[str, int], str]

    def frames(self, response_id: str) -> list[bytes]:
        mask = MASK if self.is_from_client else b""
        return [frame(self.make(response_id, number), mask) for number in range(FRAMES)]


def kinds() -> list[Kind]:
    """The frames of a call, with the sizes of real ones."""
    append = event_text(type="input_audio_buffer.append", audio=audio(1920))
    sound = audio(6144)
    return [
        Kind("up    append, 40 ms", True, lambda response_id, number: append),
        Kind(
            "down  audio delta, 128 ms",
            False,
            lambda response_id, number: delta("output_audio", sound, number, response_id),
        ),
        Kind(
            "down  transcript delta",
            False,
            lambda response_id, number: delta(
                "output_audio_transcript", " word", number, response_id
            ),
        ),
        Kind(
            "down  unknown event",
            False,
            lambda response_id, number: event_text(type="something.new", event_id=f"e{number}"),
        ),
    ]


def feed(calls: Sequence[Ends], kind: Kind, frames: Sequence[bytes]) -> None:
    """Give each frame to each call, and check that all of them were sent on."""
    before = sum(ends.writes for ends in calls)
    for data in frames:
        for ends in calls:
            (ends.client if kind.is_from_client else ends.provider).data_received(data)
    if sum(ends.writes for ends in calls) - before != len(frames) * len(calls):
        raise SystemExit(f"{kind.name}: not every frame was passed on at once")


def functions_called(work: Callable[[], None]) -> int:
    """How many Python functions `work` calls."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


async def measure(call_count: int) -> None:
    """Print a line for each kind of frame."""
    calls = [await opened(number) for number in range(call_count)]
    best: dict[str, float] = {}
    for number in range(ROUNDS):
        response_id = f"resp_{number}"
        created = frame(event_text(type="response.created", response={"id": response_id}))
        for ends in calls:
            ends.provider.data_received(created)
        for kind in kinds():
            frames = kind.frames(response_id)
            await settle()
            began_s = time.process_time()
            feed(calls, kind, frames)
            us = (time.process_time() - began_s) * 1e6 / len(frames) / call_count
            best[kind.name] = min(us, best.get(kind.name, us))
    for kind in kinds():
        frames = kind.frames("resp_last")[:COUNTED_FRAMES]
        called = functions_called(partial(feed, calls[:1], kind, frames))
        print(f"{kind.name:28} {best[kind.name]:6.1f} µs {called / len(frames):6.0f} functions")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a frame's way through one process.")
    parser.add_argument("--calls", type=int, default=1)
    options = parser.parse_args()
    logging.disable()
    asyncio.run(measure(options.calls))


if __name__ == "__main__":
    main()
