"""One call: the WebSocket on one side, the engine, speech and fault injection on the other.

Events go out in the engine's order: effects are computed and wait for the send lock without an
await in between, and `asyncio.Lock` is fair. A client that does not read blocks its own call only:
first its sends, then its reader, then TCP.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from backend.simulator.engine import mishap_actions
from backend.simulator.engine.conversation import decode_audio
from backend.simulator.engine.effects import CloseWebSocket, Effect, Recognise, Send, Synthesise
from backend.simulator.engine.engine import Engine
from backend.simulator.engine.errors import ClientEventError
from backend.simulator.engine.mishaps import ENGINE_FAULT_COUNTERS, Mishap
from backend.simulator.server.call_records import CallRecord, CallRecords
from backend.simulator.sound.recogniser import Recogniser
from backend.simulator.sound.synthesiser import Synthesiser, SynthesisFailed

_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


class Call:
    """Reads client events, calls the engine's timer, and carries out its effects."""

    def __init__(
        self,
        connection: ServerConnection,
        engine: Engine,
        record: CallRecord,
        records: CallRecords,
        synthesiser: Synthesiser,
        recogniser: Recogniser,
        mishaps: Sequence[Mishap],
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._connection = connection
        self._engine = engine
        self._record = record
        self._records = records
        self._synthesiser = synthesiser
        self._recogniser = recogniser
        self._fault_injector = mishap_actions.FaultInjector()
        for mishap in mishaps:
            self._add_mishap(mishap, is_open=False)
        self._send_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._scheduled_wake_at: float | None = None
        self._is_stalled = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run the call from the end of the handshake to the close."""
        self._recogniser.prepare()
        try:
            async with asyncio.TaskGroup() as self._group:
                self._start(self._run_timer())
                with suppress(ConnectionClosed):
                    await self._read()
                for task in self._tasks:
                    task.cancel()
        finally:
            self._record.closed_at = self._now()
            close = self._connection.protocol.close_rcvd
            self._record.close_code = close.code if close is not None else None

    async def _read(self) -> None:
        for action in self._fault_injector.actions_at_open():
            await self._perform(action)
        await self._apply(self._engine.open(self._now()))
        async for message in self._connection:
            await self._receive(message)

    def inject(self, mishap: Mishap) -> None:
        """Apply a mishap to this open call."""
        for action in self._add_mishap(mishap, is_open=True):
            self._start(self._perform(action))

    def _add_mishap(
        self, mishap: Mishap, *, is_open: bool
    ) -> list[mishap_actions.ConnectionAction]:
        counter = ENGINE_FAULT_COUNTERS.get(mishap.kind)
        if counter is None:
            return self._fault_injector.add(mishap, is_open=is_open)
        faults = self._engine.injected_faults
        setattr(faults, counter, getattr(faults, counter) + (mishap.count or 1))
        return []

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(self._until_closed(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _until_closed(work: Coroutine[Any, Any, None]) -> None:
        with suppress(ConnectionClosed):  # The reader gets it too, and ends the call.
            await work

    async def _receive(self, message: str | bytes) -> None:
        event: Any = None
        if isinstance(message, str):
            try:
                event = _decode(message)
            except (msgspec.DecodeError, RecursionError):  # RecursionError: nested too deeply
                event = None
        type = event.get("type") if isinstance(event, dict) else None
        self._record.received[type if isinstance(type, str) else "unreadable"] += 1
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
                text = encode(event).decode()
                actions = self._fault_injector.actions_for(event["type"], text)
                for action in actions:
                    await self._perform(action)
                if actions and not self._is_stalled:
                    self._record.sent[event["type"]] += 1
            case Synthesise():
                self._start(self._synthesise(effect))
            case Recognise():
                self._start(self._recognise(effect))
            case CloseWebSocket(code, reason):
                self._start(self._connection.close(code, reason))

    async def _perform(self, action: mishap_actions.ConnectionAction) -> None:
        if self._is_stalled:
            return
        match action:
            case mishap_actions.Transmit(message):
                await self._connection.send(message)
            case mishap_actions.Wait(seconds):
                await asyncio.sleep(seconds)
            case mishap_actions.Stall(no_pong):
                self._is_stalled = True
                if no_pong:
                    self._connection.transport.pause_reading()
            case mishap_actions.Drop():
                self._is_stalled = True
                self._connection.transport.abort()
            case mishap_actions.Close(code, reason):
                self._is_stalled = True
                self._start(self._connection.close(code, reason))
            case mishap_actions.Expire():
                self._start(self._apply(self._engine.expire()))

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
