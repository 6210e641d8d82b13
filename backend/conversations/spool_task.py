"""Replays the spool files of dead processes in the background of a server process."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from backend.conversations import spool_replay
from backend.conversations.database_executor import DatabaseExecutor
from backend.conversations.spool import is_writable
from backend.conversations.spool_replay import Announce
from backend.conversations.writing import Written
from backend.telemetry.log_context import process_context
from backend.telemetry.logs import log_event

EVERY_S = 5.0
"""How often the folder is looked through; without a file that costs a directory listing."""

_log = logging.getLogger(__name__)


class ReplayTask:
    """Replays at its start and every few seconds, on a database thread of its own.

    So what another process left is stored without a restart, and what could not be stored while the
    database was away is stored when it is back. `announce` is called on the event loop.
    """

    def __init__(
        self,
        folder: Path,
        tag: str,
        *,
        announce: Callable[[Written], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._folder = folder
        self._tag = tag
        self._announce = announce
        self._every_s = every_s
        self._database = DatabaseExecutor(threads=1)
        self._first_round = asyncio.Event()
        self._undeleted: set[Path] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task. Calling it again does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(
                self._run(), name="spool-replay", context=process_context()
            )

    async def stop(self) -> None:
        """End the task. A replay that has begun goes on in its thread."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._database.close()

    async def first_round(self, wait_s: float) -> None:
        """Wait until the folder was looked through once, for `wait_s` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._first_round.wait()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()

        def announce(written: Written) -> None:
            loop.call_soon_threadsafe(self._announce, written)

        while True:
            try:
                await self._database.run(self._replay, announce, timeout_s=None)
            except Exception as error:
                log_event(_log, logging.WARNING, "spool.replay_failed", error=type(error).__name__)
            self._first_round.set()
            await asyncio.sleep(self._every_s)

    def _replay(self, announce: Announce) -> None:
        if not self._first_round.is_set():
            if not is_writable(self._folder):
                log_event(_log, logging.WARNING, "spool.not_writable")
            spool_replay.tidy(self._folder)
            if others := spool_replay.files_of_other_databases(self._folder, self._tag):
                log_event(_log, logging.WARNING, "spool.other_database", count=others)
        spool_replay.replay(self._folder, self._tag, announce=announce, undeleted=self._undeleted)
