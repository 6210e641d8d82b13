"""Doubles of both sides, the recorder and the clock, for calls without sockets."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError, UpstreamUnavailable
from backend.protocol.text_frames import TextTaker, text_extent, text_head
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage
from backend.relay import ports
from backend.relay.ports import ClientGone, DirectText
from tests.relay.equipment import at, created


class Client:
    """A client that the test drives: `send_frame` and `leave`; what it got is in `received`.

    While `may_read` is cleared it takes no frame.
    """

    @property
    def direct(self) -> ports.DirectClient | None:
        return None

    def __init__(self) -> None:
        self.received: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.unread: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._is_gone = False

    def send_frame(self, frame: str | bytes) -> None:
        self.unread.put_nowait(frame)

    def leave(self) -> None:
        self._is_gone = True
        self.unread.put_nowait(None)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.received]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    async def receive(self) -> str | bytes:
        frame = await self.unread.get()
        if frame is None:
            raise ClientGone
        return frame

    async def has_left(self) -> bool:
        return self._is_gone

    async def send(self, text: str) -> None:
        if self._is_gone:
            raise ClientGone
        await self.may_read.wait()
        self.received.append(text)

    async def close(self, code: int, reason: str) -> None:
        await self.may_read.wait()
        self.closed = (code, reason)


class Provider:
    """A provider that the test drives: `send_frame` and `fail`; what it got is in `received`.

    `connect` is the port. It waits while `may_connect` is cleared and raises `refusal` if there is
    one. While `may_read` is cleared the provider takes no frame.
    """

    @property
    def direct(self) -> DirectText | None:
        return None

    def __init__(self) -> None:
        self.created_text = created()
        self.received: list[str] = []
        self.is_open = False
        self.was_closed = False
        self.may_connect = asyncio.Event()
        self.may_connect.set()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.refusal: UpstreamError | Exception | None = None
        self.unread: asyncio.Queue[str | Exception] = asyncio.Queue()

    async def connect(self) -> "Provider":
        await self.may_connect.wait()
        if self.refusal is not None:
            raise self.refusal
        self.is_open = True
        return self

    def send_frame(self, text: str) -> None:
        self.unread.put_nowait(text)

    def fail(self, error: Exception | None = None) -> None:
        self.unread.put_nowait(error or UpstreamUnavailable("connection_ended", status=1001))

    def types(self) -> list[str]:
        return [json.loads(text)["type"] for text in self.received]

    async def receive(self) -> str:
        frame = await self.unread.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def send(self, text: str) -> None:
        await self.may_read.wait()
        self.received.append(text)

    async def close(self) -> None:
        self.is_open = False
        self.was_closed = True


class Direct(ABC):
    """The direct way through a double: a text goes to the taker while `receive` waits for one."""

    may_read: asyncio.Event

    def __init__(self) -> None:
        super().__init__()
        self.taker: TextTaker | None = None
        self.taken: list[str] = []
        """What came by the direct way."""
        self.is_awaited = False

    def give_texts_to(self, taker: TextTaker | None) -> None:
        self.taker = taker

    def gives(self, text: str, unread: asyncio.Queue[Any], frame: bytes = b"") -> bool:
        is_next = self.taker is not None and self.is_awaited and unread.empty()
        if is_next and self.taker is not None and self.taker(text, frame):
            self.taken.append(text)
            return True
        return False

    @property
    def can_send_now(self) -> bool:
        return self.may_read.is_set()

    @abstractmethod
    def send_now(self, text: str) -> None:
        """Send a text at once; each side has its own list."""


class DirectClient(Direct, Client):
    """A client whose texts may go the direct way."""

    @property
    def direct(self) -> ports.DirectClient | None:
        return self

    def send_frame(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes) or not self.gives(frame, self.unread):
            super().send_frame(frame)

    async def receive(self) -> str | bytes:
        self.is_awaited = True
        try:
            return await super().receive()
        finally:
            self.is_awaited = False

    def send_now(self, text: str) -> None:
        assert self.can_send_now
        self.received.append(text)

    def send_frame_now(self, frame: bytes) -> None:
        payload, end = text_extent(frame, 0, is_masked=False) or (0, 0)
        assert end == len(frame)
        self.send_now(frame[payload:].decode())

    @property
    def can_send_now(self) -> bool:
        return self.may_read.is_set() and not self._is_gone


class DirectProvider(Direct, Provider):
    """A provider whose texts may go the direct way."""

    @property
    def direct(self) -> DirectText | None:
        return self

    async def connect(self) -> "DirectProvider":
        await super().connect()
        return self

    def send_frame(self, text: str) -> None:
        content = text.encode()
        if not self.gives(text, self.unread, text_head(len(content)) + content):
            super().send_frame(text)

    async def receive(self) -> str:
        self.is_awaited = True
        try:
            return await super().receive()
        finally:
            self.is_awaited = False

    def send_now(self, text: str) -> None:
        assert self.can_send_now
        self.received.append(text)


class Record:
    """A recorder that keeps what it was given in memory. `fails` makes `keep` raise."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.usages: list[Usage] = []
        self.endings: list[Ending] = []
        self.fails = False

    def keep(self, turn: Turn) -> None:
        if self.fails:
            raise RuntimeError("full")
        self.turns.append(turn)

    def count(self, usage: Usage) -> None:
        self.usages.append(usage)

    async def finish(self, ending: Ending) -> None:
        self.endings.append(ending)


class HandClock:
    """A clock that stands still until `turn` moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return at(self.seconds)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.seconds + seconds, woken))
        await woken.wait()

    async def turn(self, seconds: float) -> None:
        """Let this much time pass; wake each sleeper at its time."""
        end = self.seconds + seconds
        while due := [wake_at for wake_at, _ in self._sleepers if wake_at <= end]:
            self.seconds = min(due)
            woken = [event for wake_at, event in self._sleepers if wake_at <= self.seconds]
            self._sleepers = [each for each in self._sleepers if each[0] > self.seconds]
            for event in woken:
                event.set()
            await settle()
        self.seconds = end


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(30):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the tasks run until the condition is true; fail if it never is."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition never became true")
