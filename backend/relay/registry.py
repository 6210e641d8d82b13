"""The live calls of this process: one per session, a newer one takes over; all drain together."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from backend.light_queues import LightEvent
from backend.protocol.budget_state import BudgetState
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.relay.call_logic import State

AT_ONCE_WAIT_S = 0.8
"""How long a drain waits for calls that were ended at once."""
OPENING = "opening"
"""The state of a call whose row is not open yet."""


class CanHangUp(Protocol):
    """A call, as far as the registry is concerned."""

    @property
    def state(self) -> str:
        """The call's state, a word of `relay.call_logic.State`."""
        ...

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """End the call; returns at once."""
        ...

    def update_budgets(self, states: Sequence[BudgetState]) -> None:
        """Pass on the budgets of the call's user; returns at once."""
        ...


class CallSlot:
    """One call's slot, from before its row is opened until its clean-up is done.

    `hang_up` may come before the call is attached: it is then carried out by `attach`.
    """

    def __init__(self, on_attached: Callable[[], None] = lambda: None) -> None:
        self.call_id = ""
        self.requested_ending: Ending | None = None
        self.attached_or_released = LightEvent()
        self.released = LightEvent()
        self.has_budgets = False
        """Whether the call was told of budgets."""
        self._call: CanHangUp | None = None
        self._on_attached = on_attached

    @property
    def state(self) -> str:
        """The call's state; `opening` before it is attached."""
        return OPENING if self._call is None else self._call.state

    def attach(self, call_id: str, call: CanHangUp) -> None:
        """Attach the call, and end it if that was requested before."""
        self.call_id = call_id
        self._call = call
        self._on_attached()
        self.attached_or_released.set()
        if self.requested_ending is not None:
            call.hang_up(self.requested_ending)

    def update_budgets(self, states: Sequence[BudgetState]) -> None:
        """Pass on the budgets of the call's user. One that is not attached yet has just asked.

        Not that there is still none: it would end the rest of an idle call at each heartbeat.
        """
        if self._call is not None and (states or self.has_budgets):
            self.has_budgets = bool(states)
            self._call.update_budgets(states)

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """Request that the call ends. Of several requests the call decides."""
        self.requested_ending = ending
        if self._call is not None:
            self._call.hang_up(ending, at_once=at_once)


class LiveCalls:
    """The process's live calls. Belongs to one event loop."""

    def __init__(self, take_over_wait_s: float = 2.0) -> None:
        self._take_over_wait_s = take_over_wait_s
        self._slots: set[CallSlot] = set()
        self._newest: dict[str, CallSlot] = {}
        self._call_ids: Sequence[str] | None = None
        """The ids of the calls, until one comes or goes."""
        self._is_draining = False

    @property
    def count(self) -> int:
        """The number of calls, including those that are being opened or cleaned up."""
        return len(self._slots)

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused because the process stops."""
        return self._is_draining

    def call_ids(self) -> Sequence[str]:
        """The ids of the calls whose rows are open: the same object until one comes or goes."""
        if self._call_ids is None:
            self._call_ids = [slot.call_id for slot in self._slots if slot.call_id]
        return self._call_ids

    def _forget_call_ids(self) -> None:
        self._call_ids = None

    @property
    def have_budgets(self) -> bool:
        """Whether a call was told of budgets: it has to learn that they are gone."""
        return any(slot.has_budgets for slot in self._slots)

    def states(self) -> Counter[str]:
        """The number of calls in each state, as a new counter."""
        return Counter(slot.state for slot in self._slots)

    def has_call_in(self, session_id: str) -> bool:
        """Whether a new call of this session would take over from another."""
        return session_id in self._newest

    async def wait_for_closing(self, seconds: float) -> bool:
        """Wait until the calls that are closing now are over. Returns whether there were any."""
        closing = tuple(slot for slot in self._slots if slot.state == State.CLOSING)
        await _until_released(closing, seconds)
        return bool(closing)

    def hang_up(self, call_id: str, ending: Ending) -> None:
        """End one call; does nothing if it has ended by itself."""
        for slot in self._slots:
            if slot.call_id == call_id:
                slot.hang_up(ending)

    def update_budgets(self, states_by_call: Mapping[str, Sequence[BudgetState]]) -> None:
        """Pass on the budgets of each of these calls' users; calls that have ended are left out."""
        for slot in self._slots:
            if (states := states_by_call.get(slot.call_id)) is not None:
                slot.update_budgets(states)

    @asynccontextmanager
    async def slot(self, session_id: str) -> AsyncIterator[CallSlot]:
        """Take a slot for a new call of this session. An older call is ended and briefly awaited.

        The older one must be gone before the newer opens its row, so that the record has one order.
        Raises AdmissionRefused: `draining`, or `taken_over` by a call that is newer still.
        """
        if self._is_draining:
            raise AdmissionRefused(Ending.DRAINING, Ending.DRAINING)
        slot, older = CallSlot(self._forget_call_ids), self._newest.get(session_id)
        self._slots.add(slot)
        self._newest[session_id] = slot
        try:
            if older is not None:
                older.hang_up(Ending.TAKEN_OVER)
                # Wait until the older call has its row or has given up: if both opened their rows
                # at once, each could end the other's. The database's time limit bounds this wait.
                await older.attached_or_released.wait()
                await _until_released((older,), self._take_over_wait_s)
            if slot.requested_ending is not None:
                raise AdmissionRefused(slot.requested_ending, slot.requested_ending)
            yield slot
        finally:
            self._slots.discard(slot)
            self._forget_call_ids()
            if self._newest.get(session_id) is slot:
                del self._newest[session_id]
            slot.attached_or_released.set()
            slot.released.set()

    async def drain(self, seconds: float) -> None:
        """Refuse new calls, wait `seconds` at most for responses to end, then end all calls."""
        self._is_draining = True
        if seconds > 0:
            self._hang_up_all(at_once=False)
            await _until_released(tuple(self._slots), seconds)
        self._hang_up_all(at_once=True)
        await _until_released(tuple(self._slots), AT_ONCE_WAIT_S)

    def _hang_up_all(self, *, at_once: bool) -> None:
        for slot in self._slots:
            slot.hang_up(Ending.DRAINING, at_once=at_once)


async def _until_released(slots: Iterable[CallSlot], seconds: float) -> None:
    releases = [asyncio.create_task(slot.released.wait()) for slot in slots]
    if not releases:
        return
    try:
        await asyncio.wait(releases, timeout=seconds)
    finally:
        for release in releases:
            release.cancel()
        await asyncio.gather(*releases, return_exceptions=True)
