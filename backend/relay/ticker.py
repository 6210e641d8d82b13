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
        """Return at once: the others wait. One whose rest has ended has to `wake` here first."""
        ...


class _Rest(NamedTuple):
    """From and until which step somebody rests."""

    begin: int
    end: int


class Ticker:
    """Ticks each of its members every `every_s` seconds. Belongs to one event loop.

    It has a task only while it has members. A first tick comes after about `every_s` at most.

    A member that has nothing to do for a while may `rest`. While all do, the task wakes every
    `every_s` only, and touches none: of 200 idle calls, to look at each took as much time as their
    pings, since nothing of them was in the processor's caches. `on_rested` is told, each time, how
    many seconds the resting ones have rested since the last, all together.

    Time is counted in steps: at each, one group is ticked. `sleep` wakes at about the multiples of
    what it is given, as of `now_s`. So a rest ends in time also if the process has stood still
    meanwhile.
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
        self._step_s = every_s / groups
        self._on_rested = on_rested
        self._now_s = now_s
        self._groups: list[set[Ticks]] = [set() for _ in range(groups)]
        self._last = 0
        """The group that was ticked last: its next tick is the farthest."""
        self._step = 0
        """The last step, as the number of steps since the clock began."""
        self._rests: dict[Ticks, _Rest] = {}
        self._ending: dict[int, set[Ticks]] = {}
        """Those whose rest ends at each step."""
        self._task: asyncio.Task[None] | None = None

    def add(self, member: Ticks) -> None:
        """Tick this one from now on."""
        self._groups[self._last].add(member)
        if self._task is None:
            self._step = self._step_now()
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
        """Tick this one only after this many `every_s`, or once it wakes.

        To be called in its tick: the rest begins with the present step.
        """
        for group in self._groups:
            group.discard(member)
        rest = self._rests[member] = _Rest(self._step, self._step + ticks * len(self._groups))
        self._ending.setdefault(rest.end, set()).add(member)

    def wake(self, member: Ticks) -> float:
        """End the rest of this one. Returns its seconds, as they were told to `on_rested`."""
        rest = self._end_rest(member)
        if rest is None:
            return 0.0
        self._groups[self._last].add(member)
        return (self._step - rest.begin) * self._step_s

    def _end_rest(self, member: Ticks) -> _Rest | None:
        rest = self._rests.pop(member, None)
        if rest is not None:
            ending = self._ending[rest.end]
            ending.discard(member)
            if not ending:
                del self._ending[rest.end]
        return rest

    def _step_now(self) -> int:
        return round(self._now_s() / self._step_s)

    async def _run(self) -> None:
        while True:
            steps = 1 if any(self._groups) else len(self._groups)
            await self._sleep(steps * self._step_s)
            # By the clock: the next multiple may have been nearer, or the process stood still.
            passed = max(1, self._step_now() - self._step)
            if self._rests:
                self._on_rested(len(self._rests) * passed * self._step_s)
            for member in self._take_steps(passed):
                try:
                    member.tick()
                except Exception:
                    # The clocks of the others go on.
                    _logger.exception("ticker.failed")

    def _take_steps(self, count: int) -> set[Ticks]:
        """Count so many steps. Returns whom to tick: each once."""
        members = set[Ticks]()
        for _ in range(min(count, len(self._groups))):
            self._last = (self._last + 1) % len(self._groups)
            members |= self._groups[self._last]
        for step in range(self._step + 1, self._step + count + 1):
            members |= self._ending.get(step, set())
        self._step += count
        return members
