"""Runs the engine of one session: its timer, its effects, and the record of what it does.

Events go out in the engine's order: effects are computed and wait for the send lock without an
await in between, and `asyncio.Lock` is fair.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed

from backend.simulator.engine.conversation import decode_audio
from backend.simulator.engine.effects import (
    CloseWebSocket,
    Effect,
    Event,
    Recognise,
    Send,
    Synthesise,
)
from backend.simulator.engine.engine import Engine
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.mishaps import ENGINE_FAULT_COUNTERS, Mishap
from backend.simulator.server.call_records import CallRecord, CallRecords
from backend.simulator.sound.recogniser import Recogniser
from backend.simulator.sound.synthesiser import Synthesiser, SynthesisFailed

_decode = msgspec.json.Decoder().decode


class SessionRunner(ABC):
    """One engine with its record; a subclass connects it to a client."""

    def __init__(
        self,
        engine: Engine,
        record: CallRecord,
        records: CallRecords,
        synthesiser: Synthesiser,
        recogniser: Recogniser,
        now: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._record = record
        self._records = records
        self._synthesiser = synthesiser
        self._recogniser = recogniser
        self._now = now
        self._send_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._scheduled_wake_at: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_over = False

    @abstractmethod
    async def _send(self, event: Event) -> None:
        """Send an event to the client. May raise ConnectionClosed."""

    @abstractmethod
    async def _close(self, code: int, reason: str) -> None:
        """Close the connection to the client."""

    async def _run_until(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the session until `work` returns; then stop the tasks and bill what has not ended."""
        self._recogniser.prepare()
        try:
            async with asyncio.TaskGroup() as self._group:
                self._start(self._run_timer())
                await work
                self._is_over = True
                for task in self._tasks:
                    task.cancel()
        finally:
            self._is_over = True
            for response_id, usage in self._engine.usages_in_progress().items():
                self._record.charge("response", response_id, self._record.model, usage)
            self._record.closed_at = self._now()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if self._is_over:
            work.close()
            return
        task = self._group.create_task(self._until_closed(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step has not awaited its work.
        task.add_done_callback(lambda _: work.close())

    @staticmethod
    async def _until_closed(work: Coroutine[Any, Any, None]) -> None:
        with suppress(ConnectionClosed):  # The reader gets it too, and ends the call.
            await work

    def _count_engine_fault(self, mishap: Mishap) -> bool:
        """Raise the engine's counter of this kind of mishap; return False if it has none."""
        counter = ENGINE_FAULT_COUNTERS.get(mishap.kind)
        if counter is None:
            return False
        faults = self._engine.injected_faults
        setattr(faults, counter, getattr(faults, counter) + (mishap.count or 1))
        return True

    async def _receive(self, message: str | bytes, record: CallRecord) -> None:
        """Handle a client event; `record` is that of the connection it came on."""
        event: Any = None
        if isinstance(message, str):
            try:
                event = _decode(message)
            except (msgspec.DecodeError, RecursionError):  # RecursionError: nested too deeply
                event = None
        type = event.get("type") if isinstance(event, dict) else None
        record.received[type if isinstance(type, str) else "unreadable"] += 1
        if type == "input_audio_buffer.append" and isinstance(event.get("audio"), str):
            self._record_audio(event["audio"])
        effects = self._engine.from_client(event, self._now())
        if type == "session.update":
            self._record.session = self._engine.session
        if effects:
            await self._apply(effects)

    def _record_audio(self, audio: str) -> None:
        try:
            self._records.add_audio(self._record, decode_audio(audio, "audio"))
        except ClientEventError:
            return  # The engine sends the error.

    async def _run_timer(self) -> None:
        while True:
            self._wake.clear()
            wakes_at = self._scheduled_wake_at = self._engine.wakes_at
            try:
                async with asyncio.timeout(
                    None if wakes_at is None else max(wakes_at - self._now(), 0)
                ):
                    await self._wake.wait()
            except TimeoutError:
                await self._apply(self._engine.tick(self._now()))

    async def _apply(self, effects: Sequence[Effect]) -> None:
        if self._engine.wakes_at != self._scheduled_wake_at:
            self._wake.set()
        async with self._send_lock:
            for effect in effects:
                await self._apply_one(effect)

    async def _apply_one(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                self._charge(event)
                await self._send(event)
            case Synthesise():
                self._start(self._synthesise(effect))
            case Recognise():
                self._start(self._recognise(effect))
            case CloseWebSocket(code, reason):
                self._start(self._close(code, reason))

    def _charge(self, event: Event) -> None:
        """Bill what this event says, whether or not a mishap lets it reach the client."""
        match event:
            case {"type": "response.done", "response": {"id": str(source), "usage": dict(usage)}}:
                self._record.charge("response", source, self._record.model, usage)
            case {"item_id": str(source), "transcript": str(), "usage": dict(usage)}:
                transcription = self._engine.session["audio"]["input"]["transcription"]
                self._record.charge("transcription", source, transcription["model"], usage)

    async def _expire(self) -> None:
        await self._apply(self._engine.expire())

    async def _synthesise(self, wanted: Synthesise) -> None:
        pcm: bytes | None
        try:
            pcm = await self._synthesiser.speak(wanted.reading, wanted.language, wanted.voice)
        except SynthesisFailed:
            pcm = None
        await self._apply(self._engine.synthesised(wanted.response_id, pcm, self._now()))

    async def _recognise(self, wanted: Recognise) -> None:
        text = await self._recogniser.recognise(wanted.pcm)
        self._record.heard.append(text)
        await self._apply(self._engine.recognised(wanted.item_id, text, self._now()))
