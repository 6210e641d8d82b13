"""A provider of the Responses API whose stream a test controls, and a chat that asks it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx2
from pytest_django.fixtures import Settings

from backend.chat.live_replies import Chat
from backend.runtime import Runtime

USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
    "output_tokens": 10,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 110,
}
MODEL = "gpt-5.6-luna-2026-10-01"


def created() -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": "resp_1", "model": MODEL}}


def delta(text: str) -> dict[str, Any]:
    return {
        "type": "response.output_text.delta",
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
    }


def completed(kind: str = "response.completed", **more: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "model": MODEL, "status": kind.partition(".")[2], "usage": USAGE}
    return {"type": kind, "response": response | more}


def failed(code: str) -> dict[str, Any]:
    error = {"code": code, "message": "a secret of the provider"}
    return {"type": "response.failed", "response": {"id": "resp_1", "model": MODEL, "error": error}}


Step = dict[str, Any] | bytes | Exception | asyncio.Event


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, provider: "FakeProvider", steps: list[Step]) -> None:
        self._provider = provider
        self._steps = steps

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, bytes):
                yield step
            else:
                yield f"event: {step['type']}\ndata: {json.dumps(step)}\n\n".encode()

    async def aclose(self) -> None:
        self._provider.closed += 1


class FakeProvider:
    """Answers each request with the next script: an HTTP error, or steps of a stream.

    A step is an event, raw bytes, an exception to raise, or an asyncio.Event to wait for. `closed`
    counts the streams that were closed.
    """

    def __init__(self) -> None:
        self.scripts: list[list[Step] | httpx2.Response] = []
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[httpx2.Request] = []
        self.closed = 0

    def answers(self, *steps: Step) -> None:
        """The next answer is a stream of these steps."""
        self.scripts.append(list(steps))

    def says(self, *texts: str) -> None:
        """The next answer is whole, with these deltas."""
        self.answers(created(), *map(delta, texts), completed())

    def refuses(self, status: int, code: str = "", **headers: str) -> None:
        """The next answer is an HTTP error."""
        error = {"error": {"code": code, "message": "a secret of the provider"}}
        self.scripts.append(httpx2.Response(status, json=error, headers=headers))

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.bodies.append(json.loads(request.content))
        script = self.scripts.pop(0)
        if isinstance(script, httpx2.Response):
            return script
        return httpx2.Response(
            200, headers={"Content-Type": "text/event-stream"}, stream=_Stream(self, script)
        )


@contextlib.asynccontextmanager
async def chat_with(
    provider: FakeProvider, settings: Settings, **more: Any
) -> AsyncGenerator[Chat, None]:
    """A chat that asks this provider; closed at the end, with everything stored."""
    settings.OPENAI_API_KEY = "sk-test"
    runtime = Runtime()
    chat = Chat(runtime, transport=httpx2.MockTransport(provider.handle), **more)
    try:
        yield chat
    finally:
        for reply in tuple(runtime.replies):
            reply.stop()
        await chat.close()
        await runtime.stop(2)


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is the product's own state
            await asyncio.sleep(0.005)
