"""Stores what calls say without delaying them: a dict of pending writes and one task that writes.

`keep` and `count` put the newest version into a dict, so memory is bounded by what the calls really
said, however long the database is away. One task for all calls of the process writes the dict in
batches, each in pieces of one transaction, and retries with growing pauses until the database
accepts them. Nothing is lost while the process lives. While a write waits for longer than a second,
everything that is not written is also in a file, for the case that the process ends first
(`spool`). A write that the database refuses for its own sake is dropped and reported, so that it
cannot block the
others. The log never contains what was said.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from uuid import UUID

from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.ledger import UsageWrite
from backend.conversations.lifecycle import OpenedCall, OpenedExchange
from backend.conversations.spool import Spool
from backend.conversations.writing import EndingWrite, TurnWrite, Write, Written, merged, write
from backend.database import DATABASE_UNAVAILABLE
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage
from backend.telemetry.counters import COUNTERS
from backend.telemetry.log_context import process_context
from backend.telemetry.logs import log_event

GATHER_S = 0.4
"""How long turns are gathered before they are written: a crash costs less than a second of text,
and 200 calls cost a few transactions per second."""
RETRY_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
BATCH_SIZE = 500
PIECE_SIZE = 50
"""How many writes of a batch are one transaction: at most 4 ms of processor time in a row. While a
database thread computes, the event loop is given the interpreter for one event at a time
(`serve.SWITCH_INTERVAL_S`), and what the calls say meanwhile waits."""
PIECE_PAUSE_S = 0.005
"""How long the event loop then has the interpreter alone, to catch up."""
FINISH_WAIT_S = 5.0
LATE_FINISH_WAIT_S = 0.5
SPOOL_DELAY_S = 1.0
"""How long a write may wait before everything that waits is spooled. A write takes milliseconds."""
SPOOL_EVERY_S = 0.25
"""How often the spool is brought up to date: what a `kill -9` costs once the database is late."""
STOP_FLUSH_SHARE = 0.4
"""The part of the time to stop in which the database may answer, before the rest is spooled."""

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
WriteBatch = Callable[[Sequence[Write]], Written]
Selects = Callable[[Write], bool]


def _all_writes(_: Write) -> bool:
    return True


def _ignore(_: Written) -> None:
    return None


class Recorder:
    """Writes the turns, usages and endings of all calls and exchanges of this process.

    `after_write` receives what each transaction stored, after its commit and on the event loop.
    Without a `spool` what is not written is lost at the end of the process.
    """

    def __init__(
        self,
        executor: DatabaseExecutor,
        *,
        sleep: Sleep = asyncio.sleep,
        write: WriteBatch = write,
        after_write: Callable[[Written], None] = _ignore,
        finish_wait_s: float = FINISH_WAIT_S,
        spool: Spool | None = None,
        spool_delay_s: float = SPOOL_DELAY_S,
    ) -> None:
        self.finish_wait_s = finish_wait_s
        self._executor = executor
        self._sleep = sleep
        self._write = write
        self._after_write = after_write
        self._unfinished: set[DatabaseCallRecorder] = set()
        self._pending: dict[Hashable, Write] = {}
        self._being_written: dict[Hashable, Write] = {}
        self._has_pending = asyncio.Event()
        self._urgent = asyncio.Event()
        self._batch_ended = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.spool = spool
        self._spool_delay_s = spool_delay_s
        self._spool_thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._spool_task: asyncio.Task[None] | None = None
        self._is_spooling = False
        self._oldest_at_s: float | None = None

    @property
    def backlog_rows(self) -> int:
        """How many turns, usages and endings are not written yet."""
        return len(self._pending) + len(self._being_written)

    @property
    def is_spooling(self) -> bool:
        """Whether the database is late, so that the spool has what is not written."""
        return self._is_spooling

    def for_call(self, call: OpenedCall) -> "DatabaseCallRecorder":
        """A recorder for this call. Its `finish` must be called."""
        recorder = DatabaseCallRecorder(self, call)
        self._unfinished.add(recorder)
        return recorder

    def for_session(self, exchange: OpenedExchange, *, model: str) -> "SessionRecorder":
        """A recorder for this exchange without a call; `model` answers it."""
        return SessionRecorder(
            self, exchange.session_id, exchange.first_position, model, exchange.user_id
        )

    def discard(self, recorder: "DatabaseCallRecorder") -> None:
        """Forget this call: its ending is known."""
        self._unfinished.discard(recorder)

    async def stop(self, wait_s: float) -> bool:
        """Write what is pending within `wait_s` seconds, or spool it, and end the tasks.

        Returns False, and logs the number of rows, if something is neither in the database nor in
        the spool. A call whose ending has not come yet gets `draining`: a client that does not read
        can hold its ending up for longer than the shutdown lasts.
        """
        for recorder in tuple(self._unfinished):
            recorder.end(Ending.DRAINING)
        flush_s = wait_s if self.spool is None else wait_s * STOP_FLUSH_SHARE
        is_written = await self.flush(flush_s)
        # First its task, which would delete the file of writes that have not waited for long.
        await _cancelled(self._spool_task)
        is_kept = is_written or await self._spool_rest(wait_s - flush_s)
        await _cancelled(self._task)
        self._task = self._spool_task = None
        if is_written and self._is_spooling and self.spool is not None:
            self._is_spooling = False
            # A disk that hangs must not hold the exit up: the file is stored once more, harmlessly.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s - flush_s):
                    await self._sync(self.spool, {})
        if not is_kept:
            log_event(log, logging.ERROR, "recorder.stopped_early", rows=self.backlog_rows)
        return is_kept

    async def _spool_rest(self, wait_s: float) -> bool:
        """Spool what is not written, within `wait_s`. Returns whether all of it is in the file."""
        if self.spool is None:
            return False
        self._is_spooling = True
        unwritten = self._unwritten()
        try:
            async with asyncio.timeout(wait_s):
                missing = await self._sync(self.spool, unwritten, at_once=True)
        except TimeoutError:
            return False
        log_event(log, logging.WARNING, "recorder.spooled", rows=len(unwritten) - missing)
        return missing == 0

    def _unwritten(self) -> dict[Hashable, Write]:
        """The newest version of everything that is not in the database yet."""
        return self._being_written | self._pending

    async def _sync(
        self, spool: Spool, unwritten: Mapping[Hashable, Write], *, at_once: bool = False
    ) -> int:
        """`Spool.sync` on the spool's thread, in the order of the calls."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._spool_thread, spool.sync, unwritten, at_once)

    async def _keep_spool(self, spool: Spool) -> None:
        """Spool while the oldest write waits for too long; delete the file once it was written."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._is_spooling:
                await self._has_pending.wait()
            waited_s = 0.0 if self._oldest_at_s is None else loop.time() - self._oldest_at_s
            late_in_s = self._spool_delay_s - waited_s
            if late_in_s <= 0:
                if not self._is_spooling:
                    log_event(log, logging.WARNING, "recorder.spooling", rows=self.backlog_rows)
                self._is_spooling = True
                await self._sync(spool, self._unwritten())
                await asyncio.sleep(SPOOL_EVERY_S)
            elif self._is_spooling:
                # What waits now was said after the last write, which took all that is in the file.
                self._is_spooling = False
                await self._sync(spool, {})
                log_event(log, logging.INFO, "recorder.spool_deleted")
            else:
                await asyncio.sleep(late_in_s)

    def put(self, key: Hashable, each: Write) -> None:
        """Add a pending write, or merge it into the one with the same key.

        The first starts the tasks.
        """
        self._merge(key, each)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                self._run(), name="recorder", context=process_context()
            )
        if self.spool is not None and (self._spool_task is None or self._spool_task.done()):
            self._spool_task = asyncio.create_task(
                self._keep_spool(self.spool), name="spool", context=process_context()
            )

    def _merge(self, key: Hashable, each: Write) -> None:
        earlier = self._pending.get(key)
        if earlier is None and self._being_written:
            # Merged here as well, so that a newer version alone is the whole of it.
            earlier = self._being_written.get(key)
        if self._oldest_at_s is None:
            self._oldest_at_s = asyncio.get_running_loop().time()
        self._pending[key] = each if earlier is None else merged(earlier, each)
        self._has_pending.set()

    async def flush(self, wait_s: float, selects: Selects = _all_writes) -> bool:
        """Write now. Returns whether all selected writes were stored within `wait_s` seconds."""
        if not self._is_unwritten(selects):
            return True
        self._urgent.set()
        try:
            async with asyncio.timeout(wait_s), self._batch_ended:
                await self._batch_ended.wait_for(lambda: not self._is_unwritten(selects))
        except TimeoutError:
            return False
        return True

    def _is_unwritten(self, selects: Selects) -> bool:
        return any(map(selects, (*self._pending.values(), *self._being_written.values())))

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._has_pending.wait()
            await self._pause([GATHER_S, *RETRY_PAUSES_S][min(failures, len(RETRY_PAUSES_S))])
            self._urgent.clear()
            failures = 0 if await self._write_batch() else failures + 1
            if not self._pending:
                self._has_pending.clear()

    async def _pause(self, seconds: float) -> None:
        """Let a few turns gather, or the database recover. A flush ends the pause."""
        pause = asyncio.ensure_future(self._sleep(seconds))
        urgent = asyncio.create_task(self._urgent.wait())
        try:
            await asyncio.wait((pause, urgent), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            urgent.cancel()

    async def _write_batch(self) -> bool:
        """Write a batch, piece by piece. Returns whether the database accepted all of it.

        What it did not accept is pending again.
        """
        began_at_s = asyncio.get_running_loop().time()
        is_whole = len(self._pending) <= BATCH_SIZE
        # What is written leaves it.
        self._being_written = batch = self._next_batch()
        is_accepted = True
        try:
            while batch and is_accepted:
                is_accepted = await self._write_piece(batch)
                async with self._batch_ended:
                    self._batch_ended.notify_all()
                if batch and is_accepted:
                    await self._sleep(PIECE_PAUSE_S)
        finally:
            self._being_written = {}
            if batch:
                self._make_pending_again(batch)
            elif is_whole:
                # Everything that still waits came after this write began.
                self._oldest_at_s = began_at_s if self._pending else None
        async with self._batch_ended:
            self._batch_ended.notify_all()
        return is_accepted

    async def _write_piece(self, batch: dict[Hashable, Write]) -> bool:
        """Write the first of these in one transaction, and remove them.

        Returns False, with those that were not written still in it, if the database is away.
        """
        piece = dict(islice(batch.items(), PIECE_SIZE))
        try:
            # No time limit: a second write could overtake one that is stuck.
            written = await self._executor.run(self._write, tuple(piece.values()), timeout_s=None)
        except DATABASE_UNAVAILABLE as error:
            log_event(
                log, logging.WARNING, "recorder.database_away",
                error=type(error).__name__, rows=len(batch) + len(self._pending),
            )  # fmt: skip
            return False
        except Exception:
            return await self._write_one_by_one(batch, piece)
        for key in piece:
            del batch[key]
        self._announce(written)
        return True

    def _next_batch(self) -> dict[Hashable, Write]:
        keys = list(self._pending)[:BATCH_SIZE]
        return {key: self._pending.pop(key) for key in keys}

    def _make_pending_again(self, batch: dict[Hashable, Write]) -> None:
        # Without `put`, which would start the spool's task again while `stop` ends the tasks: that
        # deletes the file of writes that have not waited for long.
        newer, self._pending = self._pending, batch
        for key, each in newer.items():
            self._merge(key, each)

    async def _write_one_by_one(
        self, batch: dict[Hashable, Write], piece: Mapping[Hashable, Write]
    ) -> bool:
        """Write each of a piece alone, so that one that cannot be stored costs only itself.

        Returns False, with the rest still in the batch, if the database goes away meanwhile.
        """
        for key, each in piece.items():
            try:
                written = await self._executor.run(self._write, (each,), timeout_s=None)
            except DATABASE_UNAVAILABLE:
                return False
            except Exception as error:
                _report("recorder.row_refused", logging.ERROR, each, type(error).__name__)
            else:
                self._announce(written)
            del batch[key]
        return True

    def _announce(self, written: Written) -> None:
        for each in written.renamed:
            _report("recorder.item_renamed", logging.WARNING, each, "item_of_another_call")
        COUNTERS.count_costs(written.costs)
        try:
            self._after_write(written)
        except Exception as error:
            log_event(log, logging.ERROR, "recorder.listener_failed", error=type(error).__name__)


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    """Cancel this task, if there is one, and wait for its end."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _report(event: str, level: int, each: Write, error: str) -> None:
    """Log a write that was stored under another item id, or not at all; never its text."""
    log_event(
        log, level, event,
        call_id=each.call_id, session_id=each.session_id, where=type(each).__name__, error=error,
    )  # fmt: skip


class SessionRecorder:
    """Records turns and usages under one block of positions. Without a call, `call_id` is None."""

    call_id: UUID | None = None

    def __init__(
        self,
        recorder: Recorder,
        session_id: UUID,
        first_position: int,
        model: str,
        user_id: int | None = None,
    ) -> None:
        self._recorder = recorder
        self._session_id = session_id
        self._first_position = first_position
        self._model = model
        self._user_id = user_id

    def keep(self, turn: Turn) -> None:
        """Record this turn's newest version and return at once."""
        # Called for every delta: hashing this object is quicker than hashing UUIDs.
        key = (self, turn.item_id, turn.content_index)
        each = TurnWrite(self._session_id, self.call_id, self._first_position, turn)
        self._recorder.put(key, each)

    def count(self, usage: Usage) -> None:
        """Record this usage and return at once. A confirmed one replaces an estimate."""
        model = self._model_of(usage)
        each = UsageWrite(self._session_id, self.call_id, model, usage, self._user_id)
        self._recorder.put((self, usage.source_id, usage.kind), each)

    async def flush(self, wait_s: float) -> bool:
        """Write now. Returns whether all of the session was stored within `wait_s` seconds."""
        return await self._recorder.flush(wait_s, lambda each: each.session_id == self._session_id)

    def _model_of(self, usage: Usage) -> str:
        return self._model


class DatabaseCallRecorder(SessionRecorder):
    """Records one call: the `relay.ports.CallRecorder` that writes to the database."""

    def __init__(self, recorder: Recorder, call: OpenedCall) -> None:
        super().__init__(recorder, call.session_id, call.first_position, call.model, call.user_id)
        self.call_id: UUID = call.call_id
        self._transcription_model = call.transcription_model

    def end(self, ending: Ending) -> None:
        """Record how the call ended and return at once."""
        self._recorder.discard(self)
        self._recorder.put(self, EndingWrite(self._session_id, self.call_id, ending))

    async def finish(self, ending: Ending) -> None:
        """Write what is pending and how the call ended. Waits 5 seconds at most.

        Half a second is enough while the database is late: what it does not take is in the spool.
        """
        self.end(ending)
        wait_s = self._recorder.finish_wait_s
        if self._recorder.is_spooling:
            wait_s = min(wait_s, LATE_FINISH_WAIT_S)
        if not await self._recorder.flush(wait_s, lambda each: each.call_id == self.call_id):
            log_event(
                log, logging.WARNING, "recorder.finish_goes_on",
                call_id=self.call_id, ending=ending,
            )  # fmt: skip

    def _model_of(self, usage: Usage) -> str:
        return self._model if usage.kind == "response" else self._transcription_model
