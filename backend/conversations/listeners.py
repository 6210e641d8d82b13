"""Notifies other packages of stored turns and endings, after the commit and off the audio path.

The recorder queues a notification of what a transaction stored, and does not wait. A separate task
calls the listeners in order, on a database thread of its own, so a listener that fails or hangs
delays neither audio nor the storing of turns. Pending notifications are only in memory and are lost
if the process dies. For work that must survive a crash, a listener enqueues a job.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Protocol
from uuid import UUID

from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.writing import TurnWrite, Written
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn
from backend.telemetry.log_context import process_context
from backend.telemetry.logs import log_event

MAX_PENDING = 10_000
LISTENER_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class RecordListener(Protocol):
    """Called on a database thread, where the ORM may be used. Limit: `LISTENER_TIMEOUT_S`."""

    def wants_turns(self, turns: Sequence[Turn], *, is_untitled: bool) -> bool:
        """Whether `on_turns_kept` has anything to do for these turns of one session.

        Their positions are those in their calls.
        Called on the event loop. With 100 calls 70 turns a second become complete, and to ask the
        database about each takes a tenth of all processor time.
        """
        ...

    def on_turns_kept(self, session_id: UUID, turns: Sequence[Turn]) -> None:
        """Handle versions of turns that were stored, with their positions in the session.

        Called again for each later version of a turn.
        """
        ...

    def on_call_ended(self, call_id: UUID, ending: Ending) -> None:
        """Handle the stored ending of a call.

        A call whose worker seemed dead has ended as `interrupted`. If the worker turns out to be
        alive, this is called again with the real ending.
        """
        ...


class Notifier:
    """Calls the listeners in the order of the transactions. Never blocks its caller."""

    def __init__(self, listeners: Sequence[RecordListener], executor: DatabaseExecutor) -> None:
        self._listeners = tuple(listeners)
        self._executor = executor
        self._pending: deque[Callable[[], None]] = deque(maxlen=MAX_PENDING)
        self._task: asyncio.Task[None] | None = None

    def after_write(self, written: Written) -> None:
        """Queue notifications of what a transaction stored."""
        if not self._listeners:
            return
        # The integers: UUIDs compare themselves in Python.
        turns = sorted(written.turns, key=lambda each: each.session_id.int)
        for session_id, group in groupby(turns, key=lambda each: each.session_id):
            writes = tuple(group)
            said = tuple(each.turn for each in writes)
            is_untitled = session_id in written.untitled
            wanting = [
                each for each in self._listeners if each.wants_turns(said, is_untitled=is_untitled)
            ]
            if wanting:
                kept = tuple(map(_with_session_position, writes))
                for listener in wanting:
                    self._put(partial(listener.on_turns_kept, session_id, kept))
        for each in written.endings:
            self.call_ended(each.call_id, each.ending)

    def call_ended(self, call_id: UUID, ending: Ending) -> None:
        """Queue notifications of an ending.

        For an ending that no recorder wrote, because the call's worker is dead, call this directly.
        """
        for listener in self._listeners:
            self._put(partial(listener.on_call_ended, call_id, ending))

    async def stop(self, wait_s: float) -> None:
        """Wait at most `wait_s` seconds for pending notifications, then cancel the task."""
        if self._task is None:
            return
        await asyncio.wait((self._task,), timeout=wait_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._pending:
            log_event(log, logging.ERROR, "listeners.stopped_early", count=len(self._pending))

    def _put(self, notification: Callable[[], None]) -> None:
        if len(self._pending) == MAX_PENDING:
            # The deque drops the oldest one.
            log_event(log, logging.ERROR, "listeners.overflow", count=1)
        self._pending.append(notification)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                self._run(), name="listeners", context=process_context()
            )

    async def _run(self) -> None:
        while self._pending:
            notification = self._pending.popleft()
            try:
                await self._executor.run(notification, timeout_s=LISTENER_TIMEOUT_S)
            except Exception as error:
                log_event(log, logging.ERROR, "listeners.failed", error=type(error).__name__)


def _with_session_position(each: TurnWrite) -> Turn:
    return each.turn._replace(position=each.first_position + each.turn.position)
