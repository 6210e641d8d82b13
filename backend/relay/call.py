"""One live call: two pumps and a clock around the call_logic, and everything they hold.

Backpressure is real: a pump reads its next frame only when what its last one led to has been
taken by the other side. Clean-up is in one `finally`, whatever ended the call: an ending, an
exception or a cancelled task. A call that has returned has no task and no socket left.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol, Unpack

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError
from backend.relay.call_logic import CallLogic
from backend.relay.effects import (
    CountUsage,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    ToClient,
    ToUpstream,
)
from backend.relay.limits import DEFAULT_LIMITS, Limits
from backend.relay.plan import CallPlan
from backend.relay.ports import (
    CallRecorder,
    ClientConnection,
    ClientGone,
    Connect,
    UpstreamConnection,
)
from backend.relay.tape import NoTape, Tape
from backend.telemetry.logs import Fields, log_event

_logger = logging.getLogger(__name__)


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> datetime:
        """The moment, on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...


class SteadyClock:
    """The wall's time when the clock was made, and from there on the monotonic clock's."""

    def __init__(self) -> None:
        self._made_at = datetime.now(UTC)
        self._made_s = time.monotonic()

    def now(self) -> datetime:
        """The moment, on a clock that never goes back."""
        return self._made_at + timedelta(seconds=time.monotonic() - self._made_s)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)


class _Outbox:
    """One direction's way out: frames leave in the order in which they were decided.

    A frame is put without an await after its decision, and `asyncio.Lock` is fair. What is put
    while somebody is sending is sent by them; the others wait, which is what holds back their
    reading.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._texts: deque[str] = deque()
        self._lock = asyncio.Lock()
        self._sending_since: datetime | None = None

    def put(self, text: str) -> None:
        self._texts.append(text)

    @property
    def is_waiting(self) -> bool:
        return bool(self._texts)

    async def flush(self, send: Callable[[str], Awaitable[None]]) -> None:
        async with self._lock:
            while self._texts:
                self._sending_since = self._clock.now()
                try:
                    await send(self._texts.popleft())
                finally:
                    self._sending_since = None

    def stuck_s(self, now: datetime) -> float:
        """For how long one frame has not been taken."""
        if self._sending_since is None:
            return 0.0
        return (now - self._sending_since).total_seconds()


class Call:
    """One call from the accepted socket to its one ending. Runs once."""

    def __init__(
        self,
        plan: CallPlan,
        client: ClientConnection,
        connect: Connect,
        recorder: CallRecorder,
        *,
        limits: Limits = DEFAULT_LIMITS,
        clock: Clock | None = None,
        tape: Tape | None = None,
    ) -> None:
        self._plan = plan
        self._client = client
        self._connect = connect
        self._recorder = recorder
        self._limits = limits
        self._clock = clock or SteadyClock()
        self._tape = tape or NoTape()
        self._started_at = self._clock.now()
        self._logic = CallLogic(plan, limits, self._started_at)
        self._upstream: UpstreamConnection | None = None
        self._to_client = _Outbox(self._clock)
        self._to_upstream = _Outbox(self._clock)
        self._decided_elsewhere = asyncio.Event()
        self._over = asyncio.Event()
        self._ending = Ending.INTERNAL
        self._frames = 0

    async def run(self) -> Ending:
        """Hold the call until it ends; everything is closed and written when this returns.

        Never raises but when its task is cancelled: then the server is stopping, and the call
        ends as `draining`, with the same clean-up.
        """
        self._log("call.opened", session_id=self._plan.session_id, model=self._plan.model)
        tasks = [
            asyncio.create_task(self._guarded(work))
            for work in (
                self._listen_to_client,
                self._listen_to_upstream,
                self._watch_the_clock,
                self._deliver,
            )
        ]
        try:
            await self._over.wait()
        except asyncio.CancelledError:
            self._end(Ending.DRAINING)
            raise
        finally:
            # A second cancellation must not stop the clean-up half-way.
            cleaning = asyncio.create_task(self._clean_up(tasks))
            await asyncio.shield(cleaning)
        return self._ending

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """End the call from outside. `draining` waits for the answer's end, unless `at_once`."""
        if ending is not Ending.DRAINING or at_once:
            self._end(ending)
            return
        now = self._clock.now()
        self._tape.told(ending, True, now)
        self._take(self._logic.leave(ending, now))
        self._decided_elsewhere.set()

    # The tasks

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work for ever; whatever ends it ends the call, under the name that fits."""
        try:
            await work()
        except ClientGone:
            self._end(Ending.CLIENT_LEFT)
        except UpstreamError as error:
            # What stopped the connecting is in the connector's own line.
            if self._upstream is not None:
                self._log("upstream.lost", logging.WARNING, code=error.code, status=error.status)
            self._end(error.ending, error.retry_after_s)
        except Exception:
            _logger.exception("call.failed")
            self._end(Ending.INTERNAL)

    async def _listen_to_client(self) -> None:
        while True:
            frame = await self._client.receive()
            now = self._clock.now()
            self._tape.heard("client", frame, now)
            await self._carry_out(self._logic.from_client(frame, now))

    async def _listen_to_upstream(self) -> None:
        self._upstream = upstream = await self._connect()
        now = self._clock.now()
        self._tape.heard("upstream", upstream.created_text, now)
        await self._carry_out(self._logic.open(upstream.created_text, now))
        while True:
            text = await upstream.receive()
            now = self._clock.now()
            self._tape.heard("upstream", text, now)
            await self._carry_out(self._logic.from_upstream(text, now))

    async def _watch_the_clock(self) -> None:
        while True:
            await self._clock.sleep(self._limits.tick_s)
            now = self._clock.now()
            if self._to_client.stuck_s(now) > self._limits.stuck_send_s:
                self._end(Ending.TOO_SLOW)
            elif self._to_upstream.stuck_s(now) > self._limits.stuck_send_s:
                self._end(Ending.PROVIDER_TIMEOUT)
            else:
                self._take(self._logic.tick(now))
                self._decided_elsewhere.set()

    async def _deliver(self) -> None:
        """Send what was decided by the clock or from outside, which may not wait for a reader."""
        while True:
            await self._decided_elsewhere.wait()
            self._decided_elsewhere.clear()
            await self._flush()

    # Effects

    async def _carry_out(self, effects: Iterable[Effect]) -> None:
        self._frames += 1
        self._take(effects)
        await self._flush()

    def _take(self, effects: Iterable[Effect]) -> None:
        """Carry out what needs no waiting, and put the rest where it waits in order."""
        for effect in effects:
            match effect:
                case ToClient(text):
                    self._to_client.put(text)
                case ToUpstream(text):
                    self._to_upstream.put(text)
                case KeepTurn(turn):
                    self._recorder.keep(turn)
                case CountUsage(usage):
                    self._recorder.count(usage)
                case LogEvent(event, code):
                    self._log(event, code=code)
                case HangUp(ending):
                    self._ending = ending
                    self._over.set()

    async def _flush(self) -> None:
        if self._to_upstream.is_waiting and self._upstream is not None:
            await self._to_upstream.flush(self._upstream.send)
        if self._to_client.is_waiting:
            await self._to_client.flush(self._client.send)

    # The end

    def _end(self, ending: Ending, retry_after_s: float | None = None) -> None:
        """Hang up now; the first ending wins."""
        if self._over.is_set():
            return
        now = self._clock.now()
        self._tape.told(ending, False, now)
        try:
            self._take(self._logic.hang_up(ending, now, retry_after_s))
        except Exception:
            _logger.exception("call.hang_up_failed")
            self._take([*self._logic.last_words(ending, retry_after_s), HangUp(ending)])

    async def _clean_up(self, tasks: list[asyncio.Task[None]]) -> None:
        """Say the last words, end the tasks, close both lines, write it all; each with its bound.

        The pumps go on until the last words are out, so that a frame being sent is not torn.
        """
        if self._ending is not Ending.CLIENT_LEFT:
            await _within(self._limits.last_words_s, self._to_client.flush(self._client.send))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.gather(self._close_client(), self._leave_upstream())
        try:
            await self._recorder.finish(self._ending)
        except Exception:
            _logger.exception("call.finish_failed")
        self._tape.close()
        lasted = self._clock.now() - self._started_at
        duration_ms = lasted.total_seconds() * 1000
        self._log("call.ended", ending=self._ending, duration_ms=duration_ms, frames=self._frames)

    async def _close_client(self) -> None:
        code, reason = self._ending.close_code, str(self._ending)
        await _within(self._limits.close_s, self._client.close(code, reason))

    async def _leave_upstream(self) -> None:
        if self._upstream is None:
            return
        try:
            with contextlib.suppress(TimeoutError, UpstreamError):
                async with asyncio.timeout(self._limits.linger_s):
                    await self._hear_out(self._upstream)
        except Exception:
            _logger.exception("call.hearing_out_failed")
        finally:
            await self._upstream.close()

    async def _hear_out(self, upstream: UpstreamConnection) -> None:
        """Take the words that the provider owes for what the client has said."""
        self._take(self._logic.parting())
        while self._logic.is_owed:
            await self._to_upstream.flush(upstream.send)
            text = await upstream.receive()
            now = self._clock.now()
            self._tape.heard("upstream", text, now)
            self._take(self._logic.from_upstream(text, now))

    def _log(self, event: str, level: int = logging.INFO, **fields: Unpack[Fields]) -> None:
        fields["call_id"] = self._plan.call_id
        log_event(_logger, level, event, **fields)


async def _within(seconds: float, work: Awaitable[None]) -> None:
    """Wait for the work, not for ever. What goes wrong here changes nothing: the call is over."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:
        log_event(_logger, logging.DEBUG, "call.last_words_lost", error=type(error).__name__)
