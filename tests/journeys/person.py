"""A user of the API and the WebSocket: registers, gets a ticket, connects, speaks, types.

`Person` is the user, `LiveCall` one open WebSocket. The benchmarks use them too.
"""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.journeys.stack import Answer, Stack, http

CHUNK_MS = 40
CHUNK_BYTES = 24 * 2 * CHUNK_MS

Event = dict[str, Any]


def chunks(pcm: bytes) -> list[bytes]:
    """Split PCM16 at 24 kHz into chunks of 40 ms; the last one is padded with silence."""
    padded = pcm + b"\0" * (-len(pcm) % CHUNK_BYTES)
    return [padded[at : at + CHUNK_BYTES] for at in range(0, len(padded), CHUNK_BYTES)]


@dataclass(slots=True)
class Person:
    """A registered user of one server, with a token."""

    stack: Stack
    username: str
    token: str
    language: str = "en"

    @classmethod
    async def register(cls, stack: Stack, language: str = "en") -> Self:
        username = f"person-{secrets.token_hex(4)}"
        body = {"username": username, "password": secrets.token_urlsafe(16)}
        answer = await asyncio.to_thread(
            http, "POST", f"{stack.url}/api/auth/register/", body, language=language
        )
        assert answer.status == 201, answer.text
        return cls(stack, username, answer.json["token"], language)

    async def api(self, method: str, path: str, body: Any = None) -> Answer:
        return await asyncio.to_thread(
            http, method, f"{self.stack.url}/api/{path}", body,
            token=self.token, language=self.language,
        )  # fmt: skip

    async def new_session(self, **fields: str) -> str:
        answer = await self.api("POST", "sessions/", {"language": self.language, **fields})
        assert answer.status == 201, answer.text
        session_id: str = answer.json["id"]
        return session_id

    async def ticket(self, session_id: str) -> str:
        answer = await self.api("POST", "realtime/tickets/", {"session_id": session_id})
        assert answer.status == 201, answer.text
        ticket: str = answer.json["ticket"]
        return ticket

    async def turns(self, session_id: str) -> list[dict[str, Any]]:
        answer = await self.api("GET", f"sessions/{session_id}/turns/?page_size=200")
        assert answer.status == 200, answer.text
        results: list[dict[str, Any]] = answer.json["results"]
        return results

    @asynccontextmanager
    async def call(
        self, session_id: str, *, ready: bool = True, ticket: str = "", close_timeout_s: float = 10
    ) -> "AsyncIterator[LiveCall]":
        """Connect to the session with a ticket, as the page does; close normally at the end.

        Without `ticket` a new one is taken.
        """
        ticket = ticket or await self.ticket(session_id)
        async with connect(
            f"{self.stack.socket_url}/ws/realtime/{session_id}/",
            subprotocols=["realtime", f"relay.ticket.{ticket}"],  # type: ignore[list-item]
            origin=self.stack.url,  # type: ignore[arg-type]
            compression=None,
            max_size=None,
            close_timeout=close_timeout_s,
        ) as socket:
            live = LiveCall(socket)
            reader = asyncio.create_task(live.read())
            try:
                if ready:
                    await live.until_type("relay.ready")
                yield live
            finally:
                await socket.close()
                await reader


@dataclass(slots=True)
class LiveCall:
    """One open WebSocket: the events received, their times, and methods that send."""

    socket: ClientConnection
    events: list[Event] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    sent_audio: bytearray = field(default_factory=bytearray)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    ended: bool = False

    async def read(self) -> None:
        try:
            async for text in self.socket:
                async with self._news:
                    self.events.append(json.loads(text))
                    self.arrived.append(time.monotonic())
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        async with self._news:
            self.ended = True
            self._news.notify_all()

    async def until(
        self, wanted: Callable[[Event], bool], *, after: int = 0, seconds: float = 20
    ) -> int:
        """Wait for the first event from index `after` on for which `wanted` is true.

        Returns its index. Raises AssertionError if the call ends first.
        """
        checked = after

        def found() -> bool:
            nonlocal checked
            while checked < len(self.events):
                if wanted(self.events[checked]):
                    return True
                checked += 1
            return self.ended

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(found)
        if checked >= len(self.events):
            raise AssertionError(f"the call ended first: {self.socket.close_code}, {self.types()}")
        return checked

    async def until_type(self, kind: str, *, after: int = 0, seconds: float = 20) -> int:
        return await self.until(lambda event: event["type"] == kind, after=after, seconds=seconds)

    async def until_ended(self, seconds: float = 20) -> int:
        """Wait until the socket is closed. Returns the close code."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: self.ended)
        assert self.socket.close_code is not None
        return self.socket.close_code

    def types(self) -> list[str]:
        """Return the types of the received events, with repeats in a row collapsed."""
        collapsed: list[str] = []
        for event in self.events:
            if not collapsed or collapsed[-1] != event["type"]:
                collapsed.append(event["type"])
        return collapsed

    def of_type(self, kind: str, *, after: int = 0) -> list[Event]:
        return [event for event in self.events[after:] if event["type"] == kind]

    async def send(self, event: Event) -> None:
        await self.socket.send(json.dumps(event))

    async def say(self, pcm: bytes, *, pace: float = 1.0) -> None:
        """Send audio in 40 ms chunks, at `pace` times real time."""
        began = time.monotonic()
        for number, chunk in enumerate(chunks(pcm)):
            self.sent_audio += chunk
            audio = base64.b64encode(chunk).decode()
            await self.send({"type": "input_audio_buffer.append", "audio": audio})
            due = began + (number + 1) * CHUNK_MS / 1000 / pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def say_nothing(self, seconds: float, *, pace: float = 1.0) -> None:
        await self.say(b"\0" * int(seconds * 48_000), pace=pace)

    async def type(self, text: str, *, is_silent: bool = False) -> None:
        """Send a text message and `response.create`; `is_silent` asks for a text-only reply."""
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        await self.send({"type": "conversation.item.create", "item": item})
        await self.ask(is_silent=is_silent)

    async def ask(self, *, is_silent: bool = False) -> None:
        """Send `response.create`; `is_silent` asks for a text-only reply."""
        response = {"response": {"output_modalities": ["text"]}} if is_silent else {}
        await self.send({"type": "response.create", **response})
