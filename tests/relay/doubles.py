"""Lines in memory and a clock that is turned by hand, for calls without sockets."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError, UpstreamUnavailable
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage
from backend.relay.ports import ClientGone
from tests.relay.equipment import at, created


class Client:
    """The client's end in the test's hand: `say` and `leave`; what it was told is in `told`."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()
        self.reads.set()
        self._said: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._is_gone = False

    def say(self, frame: str | bytes) -> None:
        self._said.put_nowait(frame)

    def leave(self) -> None:
        self._is_gone = True
        self._said.put_nowait(None)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.told]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    async def receive(self) -> str | bytes:
        frame = await self._said.get()
        if frame is None:
            raise ClientGone
        return frame

    async def send(self, text: str) -> None:
        if self._is_gone:
            raise ClientGone
        await self.reads.wait()
        self.told.append(text)

    async def close(self, code: int, reason: str) -> None:
        await self.reads.wait()
        self.closed = (code, reason)


class Provider:
    """The provider's end: `say`, `fail`; what it heard is in `heard`. `connect` is the port."""

    def __init__(self) -> None:
        self.created_text = created()
        self.heard: list[str] = []
        self.is_open = False
        self.was_closed = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.reads = asyncio.Event()
        self.reads.set()
        self.refusal: UpstreamError | Exception | None = None
        self._said: asyncio.Queue[str | Exception] = asyncio.Queue()

    async def connect(self) -> "Provider":
        await self.answers.wait()
        if self.refusal is not None:
            raise self.refusal
        self.is_open = True
        return self

    def say(self, text: str) -> None:
        self._said.put_nowait(text)

    def fail(self, error: Exception | None = None) -> None:
        self._said.put_nowait(error or UpstreamUnavailable("connection_ended", status=1001))

    def types(self) -> list[str]:
        return [json.loads(text)["type"] for text in self.heard]

    async def receive(self) -> str:
        said = await self._said.get()
        if isinstance(said, Exception):
            raise said
        return said

    async def send(self, text: str) -> None:
        await self.reads.wait()
        self.heard.append(text)

    async def close(self) -> None:
        self.is_open = False
        self.was_closed = True


class Record:
    """What a recorder was given."""

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
    """Stands still until it is turned."""

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
        """Let time pass, waking each sleeper at its moment."""
        end = self.seconds + seconds
        while due := [moment for moment, _ in self._sleepers if moment <= end]:
            self.seconds = min(due)
            woken = [event for moment, event in self._sleepers if moment <= self.seconds]
            self._sleepers = [each for each in self._sleepers if each[0] > self.seconds]
            for event in woken:
                event.set()
            await settle()
        self.seconds = end


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(30):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that the tasks bring about by themselves."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")
