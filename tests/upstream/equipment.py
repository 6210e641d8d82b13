"""A scripted WebSocket provider, and a raw TCP server for bytes that no library would send."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import websockets.asyncio.server as websockets_server
from websockets.http11 import Request, Response

from backend.upstream.providers.openai import OpenAI
from backend.upstream.target import Target

OPENAI = OpenAI()
CREATED = json.dumps({"type": "session.created", "event_id": "e1", "session": {"id": "sess_1"}})
KEY = "sk-test-0123456789abcdef0123456789"

Script = Callable[[websockets_server.ServerConnection], Awaitable[None]]
RawScript = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def target_at(port: int, *, scheme: str = "http", proxy: str | None = None) -> Target:
    """A target on this machine."""
    return Target(
        base_url=f"{scheme}://127.0.0.1:{port}/v1",
        api_key=KEY,
        model="gpt-realtime",
        safety_identifier="a1b2c3",
        proxy=proxy,
    )


class Provider:
    """The upgrade requests that a scripted provider got, and its port."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0

    @property
    def target(self) -> Target:
        return target_at(self.port)


@contextlib.asynccontextmanager
async def provider(
    script: Script, *, answer: Callable[[Request], Response | None] = lambda _: None
) -> AsyncIterator[Provider]:
    """A WebSocket server that runs the script on every connection that `answer` does not refuse."""
    seen = Provider()

    def look(_: websockets_server.ServerConnection, request: Request) -> Response | None:
        seen.requests.append(request)
        return answer(request)

    async with websockets_server.serve(
        script, "127.0.0.1", 0, process_request=look, close_timeout=0.2, max_size=None
    ) as server:
        seen.port = next(iter(server.sockets)).getsockname()[1]
        yield seen


@contextlib.asynccontextmanager
async def raw_server(script: RawScript) -> AsyncIterator[int]:
    """A TCP server that runs the script on every connection; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await script(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(follow, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(raw: bytes) -> RawScript:
    """A script: read the request's head, answer with these bytes, close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    return script


def refusal(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A complete HTTP response."""
    head = [f"HTTP/1.1 {status} No", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body
