"""One task that ticks every call of a process.

Each call looks at its timers twice a second. With a task of its own for each, 200 idle calls took
1.1 % of a core for waking them, and each call held 1.5 KB for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from backend.telemetry.log_context import process_context

_logger = logging.getLogger(__name__)

GROUPS = 2
"""The calls are ticked in turns, so that the work of one moment is that of half of them. More turns
wake the process more often, which idle calls pay for."""


class Ticks(Protocol):
    """What is ticked."""

    def tick(self) -> None:
        """Return at once: the others wait."""
        ...


class Ticker:
    """Ticks each of its members every `every_s` seconds. Belongs to one event loop.

    It has a task only while it has members. A first tick comes after `every_s`, or up to a
    `groups`th of that earlier.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]],
        every_s: float,
        groups: int = GROUPS,
    ) -> None:
        self._sleep = sleep
        self._pause_s = every_s / groups
        self._groups: list[set[Ticks]] = [set() for _ in range(groups)]
        self._last = 0
        """The group that was ticked last: its next turn is the farthest."""
        self._task: asyncio.Task[None] | None = None

    def add(self, member: Ticks) -> None:
        """Tick this one from now on."""
        self._groups[self._last].add(member)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ticker", context=process_context())

    def remove(self, member: Ticks) -> None:
        """Do not tick this one any more. Removing it again does nothing."""
        for group in self._groups:
            group.discard(member)
        if self._task is not None and not any(self._groups):
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._sleep(self._pause_s)
            self._last = (self._last + 1) % len(self._groups)
            # A copy, since a tick may remove its member.
            for member in tuple(self._groups[self._last]):
                try:
                    member.tick()
                except Exception:
                    # The clocks of the others go on.
                    _logger.exception("ticker.failed")
