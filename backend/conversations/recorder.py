"""Keeps what calls say without making them wait: a dict to drop words into, one task that writes.

`keep` and `count` put the newest version into a dict, so memory is bounded by what the calls really
said, however long the database is away. One task for all calls of the process empties the dict into
one transaction at a time, again and again and with growing pauses until the database takes it.
Nothing that was kept is lost while the process lives; a piece that the database refuses for its own
sake is set aside and reported, so that it cannot hold up the rest. No words in the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import replace

from django.db import InterfaceError, InternalError, OperationalError

from backend.conversations.executor import DatabaseExecutor
from backend.conversations.lifecycle import OpenedCall
from backend.conversations.writing import EndingWrite, TurnWrite, UsageWrite, Write, write
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn, TurnStatus
from backend.protocol.usage import Usage
from backend.telemetry.logs import log_event

GATHER_S = 0.4
"""Words are gathered this long before they are written: a crash costs less than a second of text,
and 200 calls cost a few transactions a second."""
RETRY_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
MOST_PIECES = 500

log = logging.getLogger(__name__)

# What a database says when it is away, busy, locked or read-only for a while: waiting helps.
_PASSING = (OperationalError, InterfaceError, InternalError)

Sleep = Callable[[float], Awaitable[None]]
WriteBatch = Callable[[Sequence[Write]], Sequence[Write]]
IsMeant = Callable[[OpenedCall], bool]


def _everybodys(_: OpenedCall) -> bool:
    return True


class Recorder:
    """The one that writes. `for_call` hands out what a call drops its words into."""

    def __init__(
        self,
        executor: DatabaseExecutor,
        *,
        sleep: Sleep = asyncio.sleep,
        write: WriteBatch = write,
        finish_wait_s: float = 5.0,
    ) -> None:
        self.finish_wait_s = finish_wait_s
        self._executor = executor
        self._sleep = sleep
        self._write = write
        self._unfinished: set[KeptCall] = set()
        self._dirty: dict[Hashable, Write] = {}
        self._being_written: dict[Hashable, Write] = {}
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self._written = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    def for_call(self, opened: OpenedCall) -> "KeptCall":
        """What this call's words and costs are dropped into; `finish` has to follow."""
        kept = KeptCall(self, opened)
        self._unfinished.add(kept)
        return kept

    def finished(self, kept: "KeptCall") -> None:
        """This call has said how it ended."""
        self._unfinished.discard(kept)

    async def stop(self, wait_s: float = 2.0) -> bool:
        """Write what is left for up to `wait_s`, and end the task. Returns True if all was written.

        Calls that have not said how they ended end as `draining`: a client that does not read
        holds up its call's last words for longer than a hurried server waits.
        """
        for kept in tuple(self._unfinished):
            kept.end(Ending.DRAINING)
        await self.flush(wait_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if lost := len(self._dirty) + len(self._being_written):
            log_event(log, logging.ERROR, "recorder.stopped_early", rows=lost)
        return lost == 0

    def put(self, key: Hashable, piece: Write) -> None:
        """Remember a piece; a later one with its key replaces it. The first starts the task."""
        self._dirty[key] = piece
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="recorder")

    async def flush(self, wait_s: float, of: IsMeant = _everybodys) -> bool:
        """Write now what these calls have kept; whether it was written in time."""
        if not self._has_unwritten(of):
            return True
        self._urgent.set()
        try:
            async with asyncio.timeout(wait_s), self._written:
                await self._written.wait_for(lambda: not self._has_unwritten(of))
        except TimeoutError:
            return False
        return True

    def _has_unwritten(self, of: IsMeant) -> bool:
        waiting = (*self._dirty.values(), *self._being_written.values())
        return any(of(piece.call) for piece in waiting)

    async def _run(self) -> None:
        failures = 0
        while True:
            await self._news.wait()
            await self._pause([GATHER_S, *RETRY_PAUSES_S][min(failures, len(RETRY_PAUSES_S))])
            self._urgent.clear()
            failures = 0 if await self._write_some() else failures + 1
            if not self._dirty:
                self._news.clear()

    async def _pause(self, seconds: float) -> None:
        """So that a few words become one transaction, or the database recovers; cut short by a
        flush.
        """
        pause = asyncio.ensure_future(self._sleep(seconds))
        urgent = asyncio.create_task(self._urgent.wait())
        try:
            await asyncio.wait((pause, urgent), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            urgent.cancel()

    async def _write_some(self) -> bool:
        """Write a batch; whether the database took it. What it did not take is dirty again."""
        self._being_written = batch = self._next_batch()
        written = False
        try:
            # No time limit: a second write beside one that is stuck could be overtaken by it.
            renamed = await self._executor.run(self._write, tuple(batch.values()), timeout_s=None)
            _report(renamed, logging.WARNING, "item_of_another_call")
            written = True
        except _PASSING as error:
            log_event(
                log, logging.WARNING, "recorder.database_away",
                error=type(error).__name__, rows=len(batch) + len(self._dirty),
            )  # fmt: skip
        except Exception:
            written = await self._write_one_by_one(batch)
        finally:
            self._being_written = {}
            if not written:
                self._dirty = {**batch, **self._dirty}
        async with self._written:
            self._written.notify_all()
        return written

    def _next_batch(self) -> dict[Hashable, Write]:
        keys = list(self._dirty)[:MOST_PIECES]
        return {key: self._dirty.pop(key) for key in keys}

    async def _write_one_by_one(self, batch: dict[Hashable, Write]) -> bool:
        """Write each piece alone, so that a poisoned one costs only itself."""
        for key in list(batch):
            piece = batch[key]
            try:
                renamed = await self._executor.run(self._write, (piece,), timeout_s=None)
                _report(renamed, logging.WARNING, "item_of_another_call")
            except _PASSING:
                return False
            except Exception as error:
                _report((piece,), logging.ERROR, type(error).__name__)
            del batch[key]
        return True


def _report(pieces: Sequence[Write], level: int, error: str) -> None:
    """Tell the operator of pieces that were written otherwise than said (a warning), or not at all.

    Without their words.
    """
    event = "recorder.item_renamed" if level == logging.WARNING else "recorder.piece_refused"
    for piece in pieces:
        log_event(
            log, level, event,
            call_id=piece.call.call_id, where=type(piece).__name__, error=error,
        )  # fmt: skip


class KeptCall:
    """One call's `relay.ports.CallRecorder`."""

    def __init__(self, recorder: Recorder, opened: OpenedCall) -> None:
        self._recorder = recorder
        self._opened = opened
        self._final: dict[Hashable, TurnStatus] = {}

    def keep(self, turn: Turn) -> None:
        """Remember this turn's newest version and return at once; final stays final."""
        key = ("turn", self._opened.call_id, turn.item_id, turn.content_index)
        if turn.status is not TurnStatus.IN_PROGRESS:
            self._final[key] = turn.status
        elif key in self._final:
            turn = replace(turn, status=self._final[key])
        self._recorder.put(key, TurnWrite(self._opened, turn))

    def count(self, usage: Usage) -> None:
        """Remember this usage and return at once."""
        key = ("usage", self._opened.call_id, usage.source_id, usage.kind)
        self._recorder.put(key, UsageWrite(self._opened, usage))

    def end(self, ending: Ending) -> None:
        """Remember how the call ended and return at once."""
        self._recorder.finished(self)
        self._recorder.put(("ending", self._opened.call_id), EndingWrite(self._opened, ending))

    def _is_ours(self, call: OpenedCall) -> bool:
        return call.call_id == self._opened.call_id

    async def finish(self, ending: Ending) -> None:
        """Write what is left and how the call ended; waits for it for 5 seconds at most."""
        self.end(ending)
        if not await self._recorder.flush(self._recorder.finish_wait_s, self._is_ours):
            log_event(
                log, logging.WARNING, "recorder.finish_goes_on",
                call_id=self._opened.call_id, ending=ending,
            )  # fmt: skip
