"""One task that ticks every call of a process.

Each call looks at its timers twice a second. With a task of its own for each, 200 idle calls took
1.1 % of a core for waking them, and each call held 1.5 KB for it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from backend.telemetry.log_context import process_context

_logger = logging.getLogger(__name__)

GROUPS = 2
"""The calls are ticked in turns, so that the work of one moment is that of half of them. More turns
wake the process more often, which idle calls pay for."""


class Ticks(Protocol):
    """What is ticked."""

    def tick(self) -> None:
        """Return at once: the others wait. The end of a rest is a tick too, before which it has to
        `wake`.
        """
        ...


class Ticker:
    """Ticks each of its members every `every_s` seconds. Belongs to one event loop.

    It has a task only while it has members. A first tick comes after `every_s` at most.

    A member that has nothing to do for a while may `rest`. While all do, the task wakes every
    `every_s` only, and touches none: of 200 idle calls, to look at each took as much time as their
    pings, since nothing of them was in the processor's caches. `on_rested` is told, each time, how
    many seconds the resting ones have rested since the last, all together.

    `sleep` wakes at about the multiples of what it is given, as of `now_s`. So a rest ends in time
    also if the process has stood still meanwhile.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]],
        every_s: float,
        groups: int = GROUPS,
        on_rested: Callable[[float], None] = lambda _: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._every_s = every_s
        self._pause_s = every_s / groups
        self._on_rested = on_rested
        self._now_s = now_s
        self._groups: list[set[Ticks]] = [set() for _ in range(groups)]
        self._last = 0
        """The group that was ticked last: its next turn is the farthest."""
        self._turn = 0
        """The last turn of a group, as the number of `_pause_s` since the clock began."""
        self._rests: dict[Ticks, _Rest] = {}
        self._ending: dict[int, set[Ticks]] = {}
        """Those whose rest ends at each turn."""
        self._task: asyncio.Task[None] | None = None

    def add(self, member: Ticks) -> None:
        """Tick this one from now on."""
        self._groups[self._last].add(member)
        if self._task is None:
            self._turn = self._turn_now()
            self._task = asyncio.create_task(self._run(), name="ticker", context=process_context())

    def remove(self, member: Ticks) -> None:
        """Do not tick this one any more. Removing it again does nothing."""
        self._end_rest(member)
        for group in self._groups:
            group.discard(member)
        if self._task is not None and not any(self._groups) and not self._rests:
            self._task.cancel()
            self._task = None

    def rest(self, member: Ticks, ticks: int) -> None:
        """Tick this one, which is ticked now, only after this many `every_s`, or once it wakes."""
        for group in self._groups:
            group.discard(member)
        rest = self._rests[member] = _Rest(self._turn, self._turn + ticks * len(self._groups))
        self._ending.setdefault(rest.end, set()).add(member)

    def wake(self, member: Ticks) -> float:
        """End the rest of this one. Returns its seconds, as they were told to `on_rested`."""
        rest = self._end_rest(member)
        if rest is None:
            return 0.0
        self._groups[self._last].add(member)
        return (self._turn - rest.begin) * self._pause_s

    def _end_rest(self, member: Ticks) -> "_Rest | None":
        rest = self._rests.pop(member, None)
        if rest is not None:
            ending = self._ending[rest.end]
            ending.discard(member)
            if not ending:
                del self._ending[rest.end]
        return rest

    def _turn_now(self) -> int:
        return round(self._now_s() / self._pause_s)

    async def _run(self) -> None:
        while True:
            turns = 1 if any(self._groups) else len(self._groups)
            await self._sleep(turns * self._pause_s)
            turns = max(turns, self._turn_now() - self._turn)
            if self._rests:
                self._on_rested(len(self._rests) * turns * self._pause_s)
            for member in self._members_of(turns):
                try:
                    member.tick()
                except Exception:
                    # The clocks of the others go on.
                    _logger.exception("ticker.failed")

    def _members_of(self, turns: int) -> set[Ticks]:
        """Take so many turns. Returns whom to tick: each once."""
        members = set[Ticks]()
        for _ in range(min(turns, len(self._groups))):
            self._last = (self._last + 1) % len(self._groups)
            members |= self._groups[self._last]
        for turn in range(self._turn + 1, self._turn + turns + 1):
            members |= self._ending.get(turn, set())
        self._turn += turns
        return members


class _Rest(NamedTuple):
    """From and until which turn somebody rests."""

    begin: int
    end: int
