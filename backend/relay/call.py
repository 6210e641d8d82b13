"""One live call: two pumps and a clock around `CallLogic`, and their resources.

A call has one connection to the provider, and for a while a next one (`relay.rotation`). Each is
read by a task of its own, which feeds the frames to what the connection is at that moment.

Backpressure: a pump reads its next frame only after the frames that its last one caused were sent.
While nothing at all is on its way, a frame needs no pump: it is relayed by the function that reads
it from the socket (`relay.ports.DirectText`), which saves waking a task, a quarter of its cost.
Where anything waits, the frame goes to the pump, and so behind what came before it.
Clean-up is in one `finally`, whatever ended the call: an ending, an exception or a cancelled
task. A call that has returned has no task and no socket left.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, Unpack

from backend.light_queues import LightEvent
from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamError, UpstreamTimeout
from backend.protocol.text_frames import TextTaker
from backend.relay.call_logic import UPSTREAM_ERROR, CallLogic, State
from backend.relay.effects import (
    CountUsage,
    DropNext,
    DropUpstream,
    Effect,
    HangUp,
    KeepTurn,
    LogEvent,
    OpenNext,
    OtherEffect,
    SwitchUpstream,
    ToClient,
    ToNext,
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
from backend.relay.send_queue import Clock, SendQueue
from backend.relay.tape import NoTape, Tape
from backend.relay.ticker import Ticker
from backend.telemetry.counters import ProcessCounters
from backend.telemetry.log_context import CALL_ID
from backend.telemetry.logs import Fields, log_event

UNTIMED_FRAMES = 7
"""A mask of the number of frames so far: one frame in eight is timed for `/metrics`. To time each
costs 1.2 us, a twelfth of a frame's decision and queue; one in eight shows the same quantiles."""
REST_S = 60.0
"""How long a call in which nothing goes on looks at no timer, at most. Nothing is due before
(`CallLogic.rest_s`); the bound is for the case that the call's clock and the ticker's do not
agree."""

_logger = logging.getLogger(__name__)


class SteadyClock:
    """The wall clock's time when it was made, and from there on the monotonic clock's."""

    def __init__(self) -> None:
        self._ahead_s = time.time() - time.monotonic()
        """How far the wall clock's seconds are ahead of the monotonic ones."""

    def now(self) -> datetime:
        """The current time, on a clock that never goes back."""
        return datetime.fromtimestamp(self._ahead_s + time.monotonic(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)


class _Upstream:
    """One connection to the provider, and the frames to send on it."""

    def __init__(self, connection: UpstreamConnection, clock: Clock) -> None:
        self.connection = connection
        self.to_send = SendQueue(clock, connection.direct)

    async def flush(self, now: datetime | None = None) -> None:
        """Send every frame in the queue. Raises an UpstreamError."""
        await self.to_send.flush(self.connection.send, now)


class Call:
    """One call, from the accepted client socket to its one ending. Runs once.

    The calls of a process share a `ticker`.
    """

    def __init__(
        self,
        plan: CallPlan,
        client: ClientConnection,
        connect: Connect,
        recorder: CallRecorder,
        *,
        clock: Clock | None = None,
        ticker: Ticker | None = None,
        tape: Tape | None = None,
        counters: ProcessCounters | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._plan = plan
        self._limits = plan.limits
        self._client = client
        self._connect = connect
        self._recorder = recorder
        # The ticker's function must not refer to the call: a call is freed without a collection.
        self._clock = used_clock = clock or SteadyClock()
        self._tape = tape or NoTape()
        self._is_recorded = tape is not None
        self._started_at = self._clock.now()
        self._counters = counters or ProcessCounters()
        self._ticker = ticker or Ticker(
            self._clock.sleep,
            plan.limits.tick_s,
            groups=1,
            on_rested=self._counters.count_call_seconds,
            now_s=lambda: used_clock.now().timestamp(),
        )
        self._counted_s = 0.0
        self._logic = CallLogic(plan, self._started_at, self._counters, chance)
        self._upstream: _Upstream | None = None
        self._next: _Upstream | None = None
        self._opening: asyncio.Task[None] | None = None
        """Opens the next connection, and then reads it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closings: set[asyncio.Task[None]] = set()
        """Close connections that the call has left."""
        self._to_client = SendQueue(self._clock, client.direct)
        self._flushing: asyncio.Task[None] | None = None
        """Sends what was decided without a pump; there is none while nothing is to be sent."""
        self._ended = LightEvent()
        self._ending = Ending.INTERNAL
        self._is_cleaned_up = False
        """From then on no task is started."""
        self._frames = 0
        self._is_resting = False
        """Whether the timers need not be looked at for a while, unless a frame comes before."""
        self._context = copy_context()

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
        self._context = copy_context()
        self._log("call.opened", session_id=self._plan.session_id, model=self._plan.model)
        self._start(self._pump_client)
        self._start(self._pump_upstream)
        self._ticker.add(self)
        try:
            await self._ended.wait()
        except asyncio.CancelledError:
            self._end(Ending.DRAINING)
            raise
        finally:
            # A second cancellation must not stop the clean-up half-way.
            cleaning = asyncio.create_task(self._clean_up())
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
        self._flush_soon()

    def update_budgets(self, states: Sequence[BudgetState]) -> None:
        """Pass on the user's budgets; one that is used up ends the call after the answer."""
        now = self._clock.now()
        self._tape.record_budgets(states, now)
        self._apply(self._logic.update_budgets(states, now))
        self._flush_soon()

    # The tasks

    def _start(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        # Also what is started from outside, by a tick or `hang_up`, logs with the call's id.
        task = asyncio.create_task(self._run_guarded(work), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run_guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a task; its exception ends the call, with the matching ending."""
        try:
            await work()
        except ClientGone:
            self._end(Ending.CLIENT_LEFT)
        except Exception:
            _logger.exception("call.failed")
            self._end(Ending.INTERNAL)

    async def _pump_client(self) -> None:
        if (direct := self._client.direct) is not None:
            direct.give_texts_to(self._in_context(self._relay_from_client))
        while True:
            frame = await self._client.receive()
            received_s = self._timed_from()
            now = self._clock.now()
            await self._apply_and_send(self._from_client(frame, now), now)
            self._observe_latency(received_s)

    def _from_client(self, frame: str | bytes, now: datetime) -> list[Effect]:
        self._counters.frames_from_client += 1
        if self._is_recorded:
            self._tape.record_frame("client", frame, now)
        return self._logic.from_client(frame, now)

    async def _pump_upstream(self) -> None:
        try:
            connection = await self._connect()
        except UpstreamError as error:
            # Logged by the connector.
            self._counters.upstream_errors[error.ending] += 1
            self._end(error.ending, error.retry_after_s)
            return
        self._upstream = upstream = _Upstream(connection, self._clock)
        now = self._clock.now()
        self._tape.record_frame("upstream", connection.created_text, now)
        await self._apply_and_send(self._logic.open(connection.created_text, now), now)
        await self._read(upstream)

    async def _open_next(self, after_s: float) -> None:
        if after_s:
            await self._clock.sleep(after_s)
        try:
            connection = await self._connect()
        except UpstreamError as error:
            self._fail_next(error)
            return
        self._next = upstream = _Upstream(connection, self._clock)
        now = self._clock.now()
        self._tape.record_frame("next", connection.created_text, now)
        await self._apply_and_send(self._logic.open_next(connection.created_text, now), now)
        await self._read(upstream)

    async def _read(self, upstream: _Upstream) -> None:
        """Read this connection until it ends, or until the call has left it."""
        direct = upstream.connection.direct
        if direct is None:
            await self._pump(upstream)
            return
        direct.give_texts_to(self._in_context(partial(self._relay_from_upstream, upstream)))
        try:
            await self._pump(upstream)
        finally:
            # They would keep each other from being freed.
            direct.give_texts_to(None)

    async def _pump(self, upstream: _Upstream) -> None:
        while True:
            try:
                text = await upstream.connection.receive()
            except UpstreamError as error:
                self._lose(upstream, error)
                return
            received_s = self._timed_from()
            now = self._clock.now()
            if upstream is self._upstream:
                effects = self._from_upstream(text, now)
            elif upstream is self._next:
                self._tape.record_frame("next", text, now)
                effects = self._logic.from_next(text, now)
                self._counters.frames_from_provider += 1
            else:
                return
            await self._apply_and_send(effects, now)
            self._observe_latency(received_s)

    def _from_upstream(self, text: str, now: datetime) -> list[Effect]:
        self._counters.frames_from_provider += 1
        if self._is_recorded:
            self._tape.record_frame("upstream", text, now)
        return self._logic.from_upstream(text, now)

    def _timed_from(self) -> float:
        """When the work on a frame begins, if it is one that is timed; else 0."""
        return 0.0 if self._frames & UNTIMED_FRAMES else perf_counter()

    def _observe_latency(self, timed_from_s: float) -> None:
        if timed_from_s:
            self._counters.relay_latency.observe(perf_counter() - timed_from_s)

    # Without a pump

    def _in_context(self, relay: TextTaker) -> TextTaker:
        """`relay` in the call's context: its log lines name the call, and so do its tasks'."""
        run: Any = self._context.run
        return partial(run, relay)

    def _relay_from_client(self, text: str, _: bytes) -> bool:
        """Relay a client's frame at once. Returns False if it must go through the pump."""
        upstream = self._upstream
        if upstream is None or not self._is_free(upstream):
            return False
        self._relay_now(upstream, self._from_client, text)
        return True

    def _relay_from_upstream(self, upstream: _Upstream, text: str, frame: bytes) -> bool:
        """Relay a provider's frame at once. Returns False if it must go through the pump."""
        if upstream is not self._upstream or not self._is_free(upstream):
            return False
        self._relay_now(upstream, self._from_upstream, text, frame)
        return True

    def _is_free(self, upstream: _Upstream) -> bool:
        """Whether the call runs, nothing waits to be sent, and both sides take another frame.

        Both: what a side is answered itself would otherwise wait in the task that sends.
        """
        to_client, to_upstream = self._to_client, upstream.to_send
        if to_client.texts or to_upstream.texts or to_client.flushing or to_upstream.flushing:
            return False
        client, provider = self._client.direct, upstream.connection.direct
        return (
            client is not None
            and provider is not None
            and client.can_send_now
            and provider.can_send_now
            and not self._ended.is_set()
        )

    def _relay_now(
        self,
        upstream: _Upstream,
        decide: Callable[[str, datetime], list[Effect]],
        text: str,
        frame: bytes = b"",
    ) -> None:
        """Carry out what follows from a frame; what cannot be sent at once is sent by a task.

        An exception ends the call, as that of a pump does. `frame` is the provider's frame of this
        text: if it is only passed on, it goes to the client as it came, without being built anew.
        """
        # Nearly every frame is passed on and nothing else, so that way calls few functions.
        timed_from_s = 0.0 if self._frames & UNTIMED_FRAMES else perf_counter()
        self._frames += 1
        if self._is_resting:
            self._wake()
        try:
            effects = decide(text, self._clock.now())
            only = effects[0] if len(effects) == 1 else None
            client, provider = self._client.direct, upstream.connection.direct
            if frame and client and isinstance(only, ToClient) and only.text is text:
                client.send_frame_now(frame)
                self._to_client.sent_chars += len(text)
                self._counters.frames_to_client += 1
            elif provider and isinstance(only, ToUpstream):
                provider.send_now(only.text)
                upstream.to_send.sent_chars += len(only.text)
                self._counters.frames_to_provider += 1
            else:
                self._apply(effects)
                self._flush_soon()
        except Exception:
            _logger.exception("call.failed")
            self._end(Ending.INTERNAL)
        if timed_from_s:
            self._observe_latency(timed_from_s)

    def _lose(self, upstream: _Upstream, error: UpstreamError) -> None:
        """This connection has ended by itself. Harmless for one that the call has left."""
        if upstream is self._next:
            self._fail_next(error)
            return
        if upstream is not self._upstream or self._ended.is_set():
            return
        self._counters.upstream_errors[error.ending] += 1
        self._log("upstream.lost", logging.WARNING, code=error.code, status=error.status)
        if not self._logic.survives_loss(error.ending):
            self._end(error.ending, error.retry_after_s)
            return
        now = self._clock.now()
        self._tape.record_loss("upstream", error, now)
        self._apply(self._logic.lose_upstream(error.ending, now))
        self._flush_soon()

    def _fail_next(self, error: UpstreamError) -> None:
        """The next connection did not open, or has ended."""
        if self._ended.is_set():
            return
        self._counters.upstream_errors[error.ending] += 1
        now = self._clock.now()
        self._tape.record_loss("next", error, now)
        failed = self._logic.fail_next(error.ending, error.code, now, error.retry_after_s)
        self._apply(failed)
        self._flush_soon()

    def tick(self) -> None:
        """Time has passed: look at the timers."""
        if self._is_resting:
            self._wake()
        now = self._clock.now()
        self._count_seconds(now)
        self._context.run(self._look, now)

    def _look(self, now: datetime) -> None:
        """Look at the timers. An exception ends the call, as that of a pump does."""
        try:
            self._look_at_timers(now)
        except Exception:
            _logger.exception("call.failed")
            self._end(Ending.INTERNAL)

    def _look_at_timers(self, now: datetime) -> None:
        if self._to_client.stuck_s(now) > self._limits.stuck_send_s:
            self._end(Ending.TOO_SLOW)
            return
        for upstream in (self._upstream, self._next):
            if upstream and upstream.to_send.stuck_s(now) > self._limits.stuck_send_s:
                self._lose(upstream, UpstreamTimeout("timed_out"))
        self._apply(self._logic.tick(now))
        if (step := self._logic.due_step(now)) is not None:
            self._tape.record_step(step, now)
            self._apply(self._logic.take_step(step, now))
        self._flush_soon()
        self._rest(now)

    def _rest(self, now: datetime) -> None:
        """Look at no timer for as long as nothing comes and nothing can be due, but at most
        `REST_S`. A frame ends the rest, and so does whatever else is decided (`_flush_soon`).
        """
        upstream = self._upstream
        is_idle = self._to_client.is_idle and upstream is not None and upstream.to_send.is_idle
        rest_s = min(self._logic.rest_s(now), REST_S) if is_idle else 0.0
        # A rest of one tick would save none.
        if (ticks := int(rest_s / self._limits.tick_s)) > 1:
            self._is_resting = True
            self._ticker.rest(self, ticks)

    def _wake(self) -> None:
        """End the rest, of which the ticker has counted the time."""
        self._is_resting = False
        self._counted_s += self._ticker.wake(self)

    def _flush_soon(self) -> None:
        """Start the task that sends, if there is something to send: most ticks decide nothing."""
        if self._is_resting:
            self._wake()
        if not self._has_frames or self._is_cleaned_up:
            return
        if self._flushing is None or self._flushing.done():
            self._flushing = self._start(self._flush_on_demand)

    @property
    def _has_frames(self) -> bool:
        """Whether frames wait to be sent, to whichever side."""
        upstream, following = self._upstream, self._next
        return bool(
            self._to_client.texts
            or (upstream is not None and upstream.to_send.texts)
            or (following is not None and following.to_send.texts)
        )

    async def _flush_on_demand(self) -> None:
        """Send what the clock, `hang_up` or a frame without a pump decided and what could not be
        sent at once: none of these may wait for a slow reader.
        """
        while self._has_frames:
            await self._flush()

    # Effects

    async def _apply_and_send(self, effects: Iterable[Effect], now: datetime) -> None:
        self._frames += 1
        if self._is_resting:
            self._wake()
        self._apply(effects)
        await self._flush(now)

    def _apply(self, effects: Iterable[Effect]) -> None:
        """Carry out effects without waiting; frames are sent at once or go into the send queues."""
        for effect in effects:
            # Nearly every effect is one of these two: `match` would take twice as long.
            if isinstance(effect, ToClient):
                self._counters.frames_to_client += 1
                self._to_client.put(effect.text)
            elif isinstance(effect, ToUpstream):
                self._put(effect.text, self._upstream)
            else:
                self._apply_other(effect)

    def _apply_other(self, effect: OtherEffect) -> None:
        match effect:
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
            case _:
                self._change_connections(effect)

    def _put(self, text: str, upstream: _Upstream | None) -> None:
        if upstream is not None:
            self._counters.frames_to_provider += 1
            upstream.to_send.put(text)

    def _change_connections(
        self, effect: ToNext | OpenNext | DropNext | SwitchUpstream | DropUpstream
    ) -> None:
        match effect:
            case ToNext(text):
                self._put(text, self._next)
            case OpenNext(after_s):
                self._opening = self._start(partial(self._open_next, after_s))
            case DropNext():
                self._drop_next()
            case DropUpstream():
                self._leave(self._upstream)
                self._upstream = None
            case SwitchUpstream():
                before, self._upstream = self._upstream, self._next
                self._next = self._opening = None
                if before is not None and self._upstream is not None:
                    for text in before.to_send.take():
                        self._upstream.to_send.put(text)
                self._leave(before)

    def _drop_next(self) -> None:
        # Once connected, the task may be sending, also to the client: it ends with the connection.
        is_connecting = self._next is None and self._opening is not asyncio.current_task()
        if self._opening is not None and is_connecting:
            self._opening.cancel()
        self._leave(self._next)
        self._next = self._opening = None

    def _leave(self, upstream: _Upstream | None) -> None:
        """Close a connection while the call goes on. The task that reads it then returns."""
        if upstream is None:
            return
        closing = asyncio.create_task(upstream.connection.close())
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)

    async def _flush(self, now: datetime | None = None) -> None:
        if (upstream := self._upstream) is not None and upstream.to_send.texts:
            await self._flush_upstream(upstream, now)
            now = None
        if (upstream := self._next) is not None and upstream.to_send.texts:
            await self._flush_upstream(upstream, now)
            now = None
        if self._to_client.texts:
            await self._to_client.flush(self._client.send, now)

    async def _flush_upstream(self, upstream: _Upstream, now: datetime | None) -> None:
        try:
            await upstream.flush(now)
        except UpstreamError as error:
            self._lose(upstream, error)

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

    async def _clean_up(self) -> None:
        """Send the last frames, end the tasks, close both sides, save; each with a timeout.

        The pumps run until the last frames are sent, so that no frame is cut off half sent. Not
        those of a client that is too slow: it would take nothing more from the provider, and the
        provider's connection would wait for it.
        """
        if self._ending not in (Ending.CLIENT_LEFT, Ending.TOO_SLOW):
            await self._send_last_frames()
        if self._client.direct is not None:
            self._client.direct.give_texts_to(None)
        self._wake()
        self._ticker.remove(self)
        self._is_cleaned_up = True
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._leave(self._next)
        await asyncio.gather(self._close_client(), self._close_upstream(), *self._closings)
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
            await self._upstream.connection.close()

    async def _drain_upstream(self, upstream: _Upstream) -> None:
        """Read the pending replies, as the transcript of the user's last speech is among them."""
        self._apply(self._logic.cancel_response())
        while self._logic.awaits_upstream:
            await upstream.flush()
            text = await upstream.connection.receive()
            now = self._clock.now()
            self._tape.record_frame("upstream", text, now)
            self._apply(self._logic.from_upstream(text, now))

    def _count_seconds(self, now: datetime) -> None:
        """Count the time since the last count, so that a long call shows while it runs."""
        lasted_s = (now - self._started_at).total_seconds()
        # The ticker may have counted a little more of a rest, and a counter must not fall.
        if lasted_s > self._counted_s:
            self._counters.count_call_seconds(lasted_s - self._counted_s)
            self._counted_s = lasted_s

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
