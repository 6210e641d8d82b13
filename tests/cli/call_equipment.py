"""Fakes for tests of a call in the terminal: its route, its view and its devices."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.cli.audio_devices import OnChunk, OnEnd
from backend.cli.conversation import State
from backend.cli.server_api import Cost
from backend.cli.speaker_queue import SpeakerQueue
from backend.protocol.reading import JsonObject
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage

Event = dict[str, Any]
Reaction = Callable[[Event], Sequence[Event]]
"""What a fake server answers to one frame."""


class FakeSocket:
    """A WebSocket: `react` answers frames, `push` sends an event, `end` closes it."""

    def __init__(self, react: Reaction, first: Sequence[Event]) -> None:
        self.sent: list[Event] = []
        self.close_code: int | None = None
        self.transport = self
        self._react = react
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        for event in first:
            self.push(event)

    def push(self, event: Event) -> None:
        self._queue.put_nowait(json.dumps(event))

    def end(self, code: int) -> None:
        self.close_code = code
        self._queue.put_nowait(None)

    def abort(self) -> None:
        self.end(1006)

    async def send(self, text: str) -> None:
        event = json.loads(text)
        self.sent.append(event)
        for answer in self._react(event):
            self.push(answer)

    async def close(self) -> None:
        if self.close_code is None:
            self.end(1000)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self._queue.get()) is not None:
            yield text


@dataclass(slots=True)
class FakeRoute:
    """Opens a FakeSocket each time; `failures` are raised by the attempts, in order."""

    react: Reaction = lambda _: ()
    first: Sequence[Event] = ({"type": "relay.ready"},)
    can_reconnect: bool = True
    failures: list[Exception | None] = field(default_factory=list)
    sockets: list[FakeSocket] = field(default_factory=list)

    async def open(self) -> Any:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.sockets.append(FakeSocket(self.react, self.first))
        return self.sockets[-1]

    def reply(self, event: JsonObject) -> Event | None:
        return {"type": "session.update"} if event["type"] == "session.created" else None

    def is_ready(self, event: JsonObject) -> bool:
        return bool(event["type"] == "relay.ready")

    def sent(self) -> list[str]:
        return [event["type"] for socket in self.sockets for event in socket.sent]


@dataclass(slots=True)
class FakeView:
    """Keeps what was shown."""

    states: list[State] = field(default_factory=list)
    turns: list[tuple[str, str]] = field(default_factory=list)
    answers: list[tuple[Usage | None, Cost | None]] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def show(self, state: State, captions: Sequence[Turn], typed: str) -> None:
        if not self.states or self.states[-1] != state:
            self.states.append(state)

    def turn(self, turn: Turn) -> None:
        self.order.append("turn")
        self.turns.append((turn.role, turn.text))

    def answered(self, usage: Usage | None, cost: Cost | None) -> None:
        self.order.append("answered")
        self.answers.append((usage, cost))

    def notice(self, code: str, message: str) -> None:
        self.notices.append((code, message))

    def end(self, exit_code: int) -> None:
        self.exit_codes.append(exit_code)


class FakeMicrophone:
    """Gives these chunks at once when it is started; a recording then ends."""

    def __init__(self, chunks: Sequence[bytes], *, is_live: bool = False) -> None:
        self.is_live = is_live
        self.is_stopped = False
        self._chunks = chunks

    async def start(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        for chunk in self._chunks:
            on_chunk(chunk)
        if not self.is_live:
            on_end()

    async def stop(self) -> None:
        self.is_stopped = True


class FakeSpeaker:
    """Plays at once what it is given, unless it is `is_held`."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.cuts = 0
        self.is_stopped = False
        self.played = b""
        self._is_held = is_held
        self._queue = SpeakerQueue()
        self._task: asyncio.Task[None] | None = None

    async def start(self, queue: SpeakerQueue) -> None:
        self._queue = queue
        if not self._is_held:
            self._task = asyncio.create_task(self._play_all())

    async def _play_all(self) -> None:
        while True:
            self.play(10**6)
            await asyncio.sleep(0.001)

    def play(self, byte_count: int) -> None:
        """Play so much."""
        self.played += self._queue.take(byte_count)

    def cut(self) -> None:
        self.cuts += 1

    async def stop(self) -> None:
        self.is_stopped = True
        if self._task is not None:
            self._task.cancel()
