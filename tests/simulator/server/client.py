"""A client of the simulator's server, for the tests of its modules."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from backend.simulator.server.server import Running, SimulatorOptions

Event = dict[str, Any]
CHEAP = SimulatorOptions(pace=0, is_cheap=True)
SESSION = {
    "type": "realtime",
    "audio": {
        "input": {
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        }
    },
}


@asynccontextmanager
async def call(running: Running, **headers: str) -> AsyncIterator[ClientConnection]:
    """Connect as a client, with a deadline of 20 s."""
    url = running.base_url.replace("http", "ws") + "/realtime?model=gpt-realtime"
    sent = {"Authorization": "Bearer any", **headers}
    async with (
        asyncio.timeout(20),
        connect(
            url, additional_headers=sent, compression=None, max_size=None, close_timeout=0.2
        ) as socket,
    ):
        yield socket


async def send(socket: ClientConnection, type: str, **fields: Any) -> None:
    """Send a client event."""
    await socket.send(json.dumps({"type": type, **fields}))


async def until(socket: ClientConnection, type: str) -> list[Event]:
    """Receive events up to the first of this type; return them all."""
    found: list[Event] = []
    while not found or found[-1]["type"] != type:
        found.append(json.loads(await socket.recv()))
    return found


async def http(running: Running, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """Send an HTTP request, its first 7 bytes alone; return the status and the body."""
    host, port = running.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode()[:7])
    await writer.drain()
    writer.write(head.encode()[7:] + content)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head_back, _, body_back = answer.partition(b"\r\n\r\n")
    return int(head_back.split()[1]), body_back
