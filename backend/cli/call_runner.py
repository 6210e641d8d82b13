"""Runs one call: joins the conversation with its connection, devices, keyboard and view.

`Conversation` decides; this only carries out, and decides when the command is over (`_verdict`).
"""

import asyncio
import contextlib
import json
import os
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from backend.cli.audio_devices import Microphone, Speaker, level_of
from backend.cli.conversation import Conversation, append_event
from backend.cli.cost_watch import CostWatch
from backend.cli.echo import EchoDetector
from backend.cli.effects import (
    Answered,
    CutSound,
    Effect,
    EndSound,
    Finished,
    Notice,
    Play,
    Send,
)
from backend.cli.failures import ExitCode, Failure
from backend.cli.keyboard import Keyboard
from backend.cli.reconnecting import (
    STABLE_S,
    Closing,
    closing_of_code,
    closing_of_event,
    pause_s,
)
from backend.cli.routes import Destination
from backend.cli.server_api import Cost
from backend.cli.speaker_queue import SpeakerQueue
from backend.cli.views import View
from backend.cli.wording import SENTENCES, Language, sentence
from backend.protocol.transcript.turns import Role
from backend.protocol.usage import Usage

_TICK_S = 0.04
_HELD_CHUNKS = 150
"""6 s of microphone wait for a connection, as much as the relay would hold."""
_READY_TIMEOUT_S = 20.0
"""From the open socket to the call's readiness; the relay takes 8 s at most."""
_SETTLED_S = 0.7
"""How long nothing may happen after recorded speech: the server takes 0.5 s of silence for its
end."""
_SPEECH_TIMEOUT_S = 3.0
"""How long speech is waited for after the end of a recording in which none was found."""
_LAST_FRAMES_S = 1.0
_LAST_COST_S = 3.0


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What one call is made of.

    `lines` are sent as soon as the call is open. `stdin` is a file descriptor for more of them, or
    None. `answers_wanted`: the call is over after so many; 0: no limit. `hint` is a name in
    `cli.wording`: what to say when the call begins, or empty.
    """

    microphone: Microphone | None
    speaker: Speaker | None
    lines: Sequence[str] = ()
    stdin: int | None = None
    answers_wanted: int = 0
    timeout_s: float = 60.0
    hint: str = ""


@dataclass(slots=True)
class Outcome:
    """How the call went. `answers` are the texts of the assistant's turns."""

    answers: list[str] = field(default_factory=list)
    was_interrupted: bool = False


class CallRunner:
    """Runs one CallPlan, once."""

    def __init__(self, where: Destination, plan: CallPlan, view: View, language: Language) -> None:
        self._route = where.route
        self._plan, self._view, self._language = plan, view, language
        self._conversation = Conversation(
            lambda: uuid4().hex[:32], has_speaker=plan.speaker is not None
        )
        self._queue = SpeakerQueue()
        self._echo = EchoDetector()
        self._was_echo_reported = False
        self._socket: ClientConnection | None = None
        self._events: deque[dict[str, Any]] = deque()
        self._chunks: deque[bytes] = deque(maxlen=_HELD_CHUNKS)
        self._has_frames = asyncio.Event()
        self._is_ready = self._was_ever_ready = False
        self._microphone_over = plan.microphone is None
        self._lines_over = plan.stdin is None
        self._piped: deque[str] = deque()
        self._typed = ""
        self._progress_at = self._settled_at = 0.0
        self._costs = CostWatch(where.read_cost) if where.read_cost is not None else None
        self._bills: deque[tuple[Usage, asyncio.Task[Cost | None]]] = deque()
        self._outcome = Outcome()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End the call: the person wants to leave."""
        self._outcome.was_interrupted = True
        self._stopped.set()

    async def run(self) -> Outcome:
        """Run until the call is over. Raises Failure."""
        self._progress_at = self._settled_at = self._now()
        async with contextlib.AsyncExitStack() as stack:
            if speaker := self._plan.speaker:
                await speaker.start(self._queue)
                stack.push_async_callback(speaker.stop)
            if microphone := self._plan.microphone:
                stack.push_async_callback(microphone.stop)
            if self._plan.stdin is not None:
                stack.enter_context(self._keyboard(self._plan.stdin))
            self._apply([effect for line in self._plan.lines for effect in self._type(line)])
            try:
                await self._run_tasks()
            finally:
                await self._finish()
        return self._outcome

    def _type(self, line: str) -> list[Effect]:
        self._progress_at = self._now()
        return self._conversation.type(line)

    def _keyboard(self, number: int) -> Keyboard:
        return Keyboard(
            number,
            on_line=self._line,
            on_text=self._set_typed,
            on_end=self._end_lines,
        )

    def _line(self, line: str) -> None:
        """A person's line interrupts the answer; the lines of a pipe wait for each other's."""
        if self._plan.stdin is not None and os.isatty(self._plan.stdin):
            self._apply(self._type(line))
        else:
            self._piped.append(line)

    def _set_typed(self, text: str) -> None:
        self._typed = text

    def _end_lines(self) -> None:
        """The end of a pipe, or Ctrl-D."""
        self._lines_over = True

    async def _run_tasks(self) -> None:
        """Until one of them ends, then hang up; the exception of that one is raised."""
        sending = asyncio.create_task(self._send_frames())
        if self._costs is not None:
            await self._costs.begin()
        work = (self._stay_connected(), self._tick(), self._stopped.wait())
        tasks: list[asyncio.Task[Any]] = [sending, *map(asyncio.create_task, work)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await self._hang_up()
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # The connection

    async def _stay_connected(self) -> None:
        attempts = 0
        while True:
            began = self._now()
            closing = await self._connect_once()
            if self._now() - began >= STABLE_S:
                attempts = 0
            pause = None
            if self._route.can_reconnect:
                pause = pause_s(closing, attempts, random.random)
            if pause is None:
                raise _failure_of(closing)
            attempts += 1
            await asyncio.sleep(pause)

    async def _connect_once(self) -> Closing:
        """Connect and receive until the connection ends. Returns why it did."""
        try:
            socket = await self._route.open()
        except Failure as failure:
            # A server that restarts is not there for a while; one that never was is reported.
            if failure.exit_code is not ExitCode.UNREACHABLE or not self._was_ever_ready:
                raise
            return Closing("connection_lost", is_retryable=True)
        self._socket = socket
        closing: Closing | None = None
        loop = asyncio.get_running_loop()
        timer = loop.call_later(_READY_TIMEOUT_S, self._give_up_opening, socket)
        try:
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    event = _event_in(text)
                    if event.get("type") == "relay.closing":
                        closing = closing_of_event(event)
                    await self._received(event)
        finally:
            timer.cancel()
            self._is_ready = False
            if closing is None or closing.is_retryable:
                self._events.clear()
                self._apply(self._conversation.lost())
        return closing or closing_of_code(socket.close_code or 1006)

    def _give_up_opening(self, socket: ClientConnection) -> None:
        if not self._is_ready:
            socket.transport.abort()

    async def _received(self, event: dict[str, Any]) -> None:
        self._progress_at = self._now()
        if not self._is_ready:
            if (reply := self._route.reply(event)) is not None and self._socket is not None:
                await self._socket.send(json.dumps(reply))
            if self._route.is_ready(event):
                await self._ready()
        self._apply(self._conversation.receive(event, datetime.now(UTC)))

    async def _ready(self) -> None:
        self._is_ready = True
        self._apply(self._conversation.opened())
        self._has_frames.set()
        if self._was_ever_ready:
            return
        self._was_ever_ready = True
        if microphone := self._plan.microphone:
            await microphone.start(self._captured, self._end_microphone)

    async def _send_frames(self) -> None:
        """Events first: their order among themselves matters, that of the sound too."""
        while True:
            await self._has_frames.wait()
            self._has_frames.clear()
            while self._is_ready and self._socket is not None and (self._events or self._chunks):
                event = self._events.popleft() if self._events else None
                frame = event or append_event(self._chunks.popleft())
                with contextlib.suppress(ConnectionClosed):
                    await self._socket.send(json.dumps(frame))

    # Sound

    def _captured(self, pcm: bytes) -> None:
        self._chunks.append(pcm)
        self._has_frames.set()
        if self._was_echo_reported or not (self._plan.microphone and self._plan.microphone.is_live):
            return
        if self._echo.add(self._queue.take_level(), level_of(pcm)):
            self._was_echo_reported = True
            self._notice("echo", "")

    def _end_microphone(self) -> None:
        """The recording is over; silence follows."""
        self._microphone_over = True
        self._progress_at = self._settled_at = self._now()

    # Effects

    def _apply(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(event):
                    self._events.append(event)
                    self._has_frames.set()
                case Play(part, pcm):
                    self._queue.play(part, pcm)
                case EndSound(part):
                    self._queue.end(part)
                case CutSound():
                    self._cut()
                case Finished(turn):
                    self._view.turn(turn)
                    if turn.role is Role.ASSISTANT:
                        self._outcome.answers.append(turn.text)
                case Answered(usage):
                    self._answered(usage)
                case Notice(code, message):
                    self._notice(code, message)

    def _cut(self) -> None:
        cuts = self._queue.flush()
        if cuts and self._plan.speaker is not None:
            self._plan.speaker.cut()
        self._apply(self._conversation.cut(cuts))

    def _notice(self, code: str, message: str) -> None:
        known = code if code in SENTENCES else "unknown_error"
        text = message or sentence(known, self._language, name=code)
        self._view.notice(code, text)

    def _answered(self, usage: Usage | None) -> None:
        if usage is not None:
            cost = self._costs.after(usage) if self._costs is not None else _no_cost()
            self._bills.append((usage, asyncio.create_task(cost)))

    def _show_bills(self) -> None:
        """Below the answers that they are for: those are shown when their sound is over."""
        while self._bills and self._bills[0][1].done():
            usage, cost = self._bills.popleft()
            self._view.answered(usage, cost.result())

    # Time

    async def _tick(self) -> None:
        """Until the command is over."""
        while not self._verdict():
            effects = self._conversation.tick(datetime.now(UTC))
            for part in self._queue.take_ended():
                effects.extend(self._conversation.sound_over(part))
            self._apply(effects)
            conversation = self._conversation
            if self._piped and self._is_ready and conversation.is_settled:
                self._apply(self._type(self._piped.popleft()))
            if conversation.state not in ("speaking", "thinking"):
                self._show_bills()
            self._view.show(conversation.state, conversation.captions(), self._typed)
            await asyncio.sleep(_TICK_S)

    def _verdict(self) -> bool:
        """Whether nothing more is to come. Raises Failure if something should have come."""
        plan, now = self._plan, self._now()
        wanted = plan.answers_wanted
        if wanted and len(self._outcome.answers) >= wanted and self._conversation.is_settled:
            return True
        if not self._is_input_over():
            self._settled_at = now
            return False
        if not (self._was_ever_ready and self._is_ready and self._conversation.is_settled):
            self._settled_at = now
            is_silent = self._conversation.state != "speaking"
            if is_silent and now - self._progress_at > plan.timeout_s:
                raise Failure(ExitCode.NO_ANSWER, "no_answer")
            return False
        return self._has_settled(now)

    def _is_input_over(self) -> bool:
        if self._plan.microphone is None:
            return self._lines_over and not self._piped
        return self._microphone_over

    def _has_settled(self, now: float) -> bool:
        quiet_s = now - self._settled_at
        if self._outcome.answers:
            return self._plan.microphone is None or quiet_s >= _SETTLED_S
        if self._plan.microphone is None:
            if self._conversation.has_typed:
                raise Failure(ExitCode.NO_ANSWER, "no_answer")
            return True
        if quiet_s < _SPEECH_TIMEOUT_S:
            return False
        found = self._conversation.has_heard_speech
        raise Failure(ExitCode.NO_ANSWER, "no_answer" if found else "no_speech")

    async def _hang_up(self) -> None:
        """Say what was heard, and close the connection."""
        if not self._is_ready or self._socket is None:
            return
        self._apply([CutSound()])
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(_LAST_FRAMES_S):
                while self._events:
                    await self._socket.send(json.dumps(self._events.popleft()))
                await self._socket.close()

    async def _finish(self) -> None:
        """Show what was not final yet, and the last costs."""
        self._apply(self._conversation.finish(datetime.now(UTC)))
        tasks = [cost for _, cost in self._bills]
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_COST_S)
        self._show_bills()
        for task in tasks:
            task.cancel()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def _no_cost() -> None:
    """Where nobody knows it."""


def _event_in(text: str | bytes) -> dict[str, Any]:
    """The event; empty for what is no JSON object."""
    try:
        event = json.loads(text)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _failure_of(closing: Closing) -> Failure:
    if closing.reason == "connection_lost":
        return Failure(ExitCode.UNREACHABLE, "connection_lost", closing.message)
    code = ExitCode.UNREACHABLE if closing.is_retryable else ExitCode.REFUSED
    return Failure(code, "call_ended", closing.message, reason=closing.reason)
