"""One live call: two pumps and a clock around `CallLogic`, and their resources.

Backpressure: a pump reads its next frame only after the frames that the last one caused were sent.
Clean-up is in one `finally`, whatever ended the call: an ending, an exception or a cancelled
task. A call that has returned has no task and no socket left.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Protocol, Unpack

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError
from backend.relay.call_logic import UPSTREAM_ERROR, CallLogic, State
from backend.relay.effects import (
    CountUsage,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    ToClient,
    ToUpstream,
)
from backend.relay.plan import CallPlan
from backend.relay.ports import (
    CallRecorder,
    ClientConnection,
    ClientGone,
    Connect,
    UpstreamConnection,
)
from backend.relay.tape import NoTape, Tape
from backend.telemetry.counters import ProcessCounters
from backend.telemetry.log_context import CALL_ID
from backend.telemetry.logs import Fields, log_event

UNTIMED_FRAMES = 7
"""A mask of the number of frames so far: one frame in eight is timed for `/metrics`. To time each
costs 1.2 us, a twelfth of a frame's decision and queue; one in eight shows the same quantiles."""

STUCK_CHARS = 256 * 1024
"""Speech has 64 KB a second: a client that takes no more than this in 10 s cannot play it."""

_logger = logging.getLogger(__name__)


class Clock(Protocol):
    """A source of time that tests replace."""

    def now(self) -> datetime:
        """The current time, on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        ...


class SteadyClock:
    """The wall clock's time when it was made, and from there on the monotonic clock's."""

    def __init__(self) -> None:
        self._made_at = datetime.now(UTC)
        self._made_s = time.monotonic()

    def now(self) -> datetime:
        """The current time, on a clock that never goes back."""
        return self._made_at + timedelta(seconds=time.monotonic() - self._made_s)

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)


class _SendQueue:
    """Frames to send to one side, in the order in which `CallLogic` decided them.

    There is no await between a decision and its `put`, and `asyncio.Lock` is fair. A task that is
    sending also sends frames that other tasks put meanwhile; those tasks wait for the lock and so
    read no further frame. The close comes last: it is sent after the tasks have ended, and frames
    that could not be sent by then are dropped, never sent late.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._texts: deque[str] = deque()
        self._lock = asyncio.Lock()
        self._sending_since: datetime | None = None
        self._blocked_since: datetime | None = None
        self._sent_chars = self._sent_chars_when_blocked = 0

    def put(self, text: str) -> None:
        """Add a frame; it is sent by the next `flush`, or by one that is running."""
        self._texts.append(text)

    @property
    def has_frames(self) -> bool:
        """Whether frames wait to be sent."""
        return bool(self._texts)

    async def flush(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send every frame in the queue; raises what `send` raises."""
        async with self._lock:
            while self._texts:
                text = self._texts.popleft()
                self._sending_since = self._clock.now()
                try:
                    await send(text)
                finally:
                    self._sending_since = None
                self._sent_chars += len(text)

    def stuck_s(self, now: datetime) -> float:
        """How long the other side has taken next to nothing, in seconds; 0 if nothing is being
        sent. To be called at every tick, which notes whether a send is blocked.

        Next to nothing is less than `STUCK_CHARS`. The kernel of a client that does not read takes
        some more when it is probed, after 6 s for instance, and such a call ended after 17 s.
        """
        if self._sending_since is None:
            self._blocked_since = None
            return 0.0
        has_taken = self._sent_chars - self._sent_chars_when_blocked >= STUCK_CHARS
        if self._blocked_since is None or has_taken:
            self._blocked_since = self._sending_since
            self._sent_chars_when_blocked = self._sent_chars
        return (now - self._blocked_since).total_seconds()


class Call:
    """One call, from the accepted client socket to its one ending. Runs once."""

    def __init__(
        self,
        plan: CallPlan,
        client: ClientConnection,
        connect: Connect,
        recorder: CallRecorder,
        *,
        clock: Clock | None = None,
        tape: Tape | None = None,
        counters: ProcessCounters | None = None,
    ) -> None:
        self._plan = plan
        self._limits = plan.limits
        self._client = client
        self._connect = connect
        self._recorder = recorder
        self._clock = clock or SteadyClock()
        self._tape = tape or NoTape()
        self._started_at = self._clock.now()
        self._counters = counters or ProcessCounters()
        self._counted_until = self._started_at
        self._logic = CallLogic(plan, self._started_at, self._counters)
        self._upstream: UpstreamConnection | None = None
        self._to_client = _SendQueue(self._clock)
        self._to_upstream = _SendQueue(self._clock)
        self._must_flush = asyncio.Event()
        self._ended = asyncio.Event()
        self._ending = Ending.INTERNAL
        self._frames = 0

    @property
    def state(self) -> State:
        """Where the call is between its start and its end."""
        return self._logic.state

    async def run(self) -> Ending:
        """Run the call to its end; everything is closed and saved when this returns.

        Raises nothing but CancelledError when its task is cancelled: then the server is stopping,
        and the call ends as `draining`, with the same clean-up.
        """
        # The tasks of the call inherit it, so that each of their log lines names the call.
        call_id_before = CALL_ID.set(self._plan.call_id)
        self._log("call.opened", session_id=self._plan.session_id, model=self._plan.model)
        tasks = [
            asyncio.create_task(self._run_guarded(work))
            for work in (
                self._pump_client,
                self._pump_upstream,
                self._watch_clock,
                self._flush_on_demand,
            )
        ]
        try:
            await self._ended.wait()
        except asyncio.CancelledError:
            self._end(Ending.DRAINING)
            raise
        finally:
            # A second cancellation must not stop the clean-up half-way.
            cleaning = asyncio.create_task(self._clean_up(tasks))
            try:
                await asyncio.shield(cleaning)
            finally:
                CALL_ID.reset(call_id_before)
        return self._ending

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """End the call from outside. `draining` waits for the response's end, unless `at_once`."""
        if ending is not Ending.DRAINING or at_once:
            self._end(ending)
            return
        now = self._clock.now()
        self._tape.record_ending(ending, waits=True, at=now)
        self._apply(self._logic.leave(ending, now))
        self._must_flush.set()

    # The tasks

    async def _run_guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a task that never returns; its exception ends the call, with the matching ending."""
        try:
            await work()
        except ClientGone:
            self._end(Ending.CLIENT_LEFT)
        except UpstreamError as error:
            # A failure to connect is logged by the connector.
            self._counters.upstream_errors[error.ending] += 1
            if self._upstream is not None:
                self._log("upstream.lost", logging.WARNING, code=error.code, status=error.status)
            self._end(error.ending, error.retry_after_s)
        except Exception:
            _logger.exception("call.failed")
            self._end(Ending.INTERNAL)

    async def _pump_client(self) -> None:
        while True:
            frame = await self._client.receive()
            received_s = 0.0 if self._frames & UNTIMED_FRAMES else perf_counter()
            self._counters.frames_from_client += 1
            now = self._clock.now()
            self._tape.record_frame("client", frame, now)
            await self._apply_and_send(self._logic.from_client(frame, now))
            if received_s:
                self._counters.relay_latency.observe(perf_counter() - received_s)

    async def _pump_upstream(self) -> None:
        self._upstream = upstream = await self._connect()
        now = self._clock.now()
        self._tape.record_frame("upstream", upstream.created_text, now)
        await self._apply_and_send(self._logic.open(upstream.created_text, now))
        while True:
            text = await upstream.receive()
            received_s = 0.0 if self._frames & UNTIMED_FRAMES else perf_counter()
            self._counters.frames_from_provider += 1
            now = self._clock.now()
            self._tape.record_frame("upstream", text, now)
            await self._apply_and_send(self._logic.from_upstream(text, now))
            if received_s:
                self._counters.relay_latency.observe(perf_counter() - received_s)

    async def _watch_clock(self) -> None:
        while True:
            await self._clock.sleep(self._limits.tick_s)
            now = self._clock.now()
            self._count_seconds(now)
            if self._to_client.stuck_s(now) > self._limits.stuck_send_s:
                self._end(Ending.TOO_SLOW)
            elif self._to_upstream.stuck_s(now) > self._limits.stuck_send_s:
                self._end(Ending.PROVIDER_TIMEOUT)
            else:
                self._apply(self._logic.tick(now))
                self._must_flush.set()

    async def _flush_on_demand(self) -> None:
        """Send what the clock or `hang_up` decided: neither may wait for a slow reader."""
        while True:
            await self._must_flush.wait()
            self._must_flush.clear()
            await self._flush()

    # Effects

    async def _apply_and_send(self, effects: Iterable[Effect]) -> None:
        self._frames += 1
        self._apply(effects)
        await self._flush()

    def _apply(self, effects: Iterable[Effect]) -> None:
        """Carry out effects without waiting; frames go into the send queues."""
        for effect in effects:
            match effect:
                case ToClient(text):
                    self._counters.frames_to_client += 1
                    self._to_client.put(text)
                case ToUpstream(text):
                    self._counters.frames_to_provider += 1
                    self._to_upstream.put(text)
                case KeepTurn(turn):
                    self._recorder.keep(turn)
                case CountUsage(usage):
                    self._recorder.count(usage)
                case LogEvent(event, code):
                    if event == UPSTREAM_ERROR:
                        self._counters.upstream_errors["error_event"] += 1
                    self._log(event, code=code)
                case HangUp(ending):
                    self._ending = ending
                    self._ended.set()

    async def _flush(self) -> None:
        if self._to_upstream.has_frames and self._upstream is not None:
            await self._to_upstream.flush(self._upstream.send)
        if self._to_client.has_frames:
            await self._to_client.flush(self._client.send)

    # The end

    def _end(self, ending: Ending, retry_after_s: float | None = None) -> None:
        """End the call now; the first ending wins."""
        if self._ended.is_set():
            return
        now = self._clock.now()
        self._tape.record_ending(ending, waits=False, at=now)
        try:
            self._apply(self._logic.hang_up(ending, now, retry_after_s))
        except Exception:
            _logger.exception("call.hang_up_failed")
            self._apply([*self._logic.closing_events(ending, retry_after_s), HangUp(ending)])

    async def _clean_up(self, tasks: list[asyncio.Task[None]]) -> None:
        """Send the last frames, end the tasks, close both sides, save; each with a timeout.

        The pumps run until the last frames are sent, so that no frame is cut off half sent. Not
        those of a client that is too slow: it would take nothing more from the provider, and the
        provider's connection would wait for it.
        """
        if self._ending not in (Ending.CLIENT_LEFT, Ending.TOO_SLOW):
            await self._send_last_frames()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.gather(self._close_client(), self._close_upstream())
        try:
            await self._recorder.finish(self._ending)
        except Exception:
            _logger.exception("call.finish_failed")
        self._tape.close()
        now = self._clock.now()
        self._count_seconds(now)
        self._counters.calls_ended[self._ending] += 1
        lasted = now - self._started_at
        duration_ms = lasted.total_seconds() * 1000
        self._log("call.ended", ending=self._ending, duration_ms=duration_ms, frames=self._frames)

    async def _send_last_frames(self) -> None:
        await _try_within(self._limits.last_frames_s, self._to_client.flush(self._client.send))

    async def _close_client(self) -> None:
        if self._ending is Ending.TOO_SLOW:
            await self._send_last_frames()
        close = self._client.close(self._ending.close_code, str(self._ending))
        await _try_within(self._limits.close_s, close)

    async def _close_upstream(self) -> None:
        if self._upstream is None:
            return
        try:
            with contextlib.suppress(TimeoutError, UpstreamError):
                async with asyncio.timeout(self._limits.drain_upstream_s):
                    await self._drain_upstream(self._upstream)
        except Exception:
            _logger.exception("call.drain_upstream_failed")
        finally:
            await self._upstream.close()

    async def _drain_upstream(self, upstream: UpstreamConnection) -> None:
        """Read the pending replies, as the transcript of the user's last speech is among them."""
        self._apply(self._logic.cancel_response())
        while self._logic.awaits_upstream:
            await self._to_upstream.flush(upstream.send)
            text = await upstream.receive()
            now = self._clock.now()
            self._tape.record_frame("upstream", text, now)
            self._apply(self._logic.from_upstream(text, now))

    def _count_seconds(self, now: datetime) -> None:
        """Count the time since the last count, so that a long call shows while it runs."""
        self._counters.call_seconds += (now - self._counted_until).total_seconds()
        self._counted_until = now

    def _log(self, event: str, level: int = logging.INFO, **fields: Unpack[Fields]) -> None:
        fields["call_id"] = self._plan.call_id
        log_event(_logger, level, event, **fields)


async def _try_within(seconds: float, work: Awaitable[None]) -> None:
    """Wait for `work` for this long. A failure changes nothing, since the call is over: it is only
    logged.
    """
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:
        log_event(_logger, logging.DEBUG, "call.last_frames_lost", error=type(error).__name__)
