"""The calls of this process: one a session, a newer one takes over; all drain together."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused

AT_ONCE_WAIT_S = 0.8


class CanHangUp(Protocol):
    """A call, as far as the registry is concerned."""

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """End the call; returns at once."""
        ...


class CallSlot:
    """One call's slot, from before its row is opened until all of it is cleaned up.

    `hang_up` may come before the call does: it is then carried out when the call is put.
    """

    def __init__(self) -> None:
        self.call_id = ""
        self.asked: Ending | None = None
        self.opened_or_left = asyncio.Event()
        self.left = asyncio.Event()
        self._call: CanHangUp | None = None

    def put(self, call_id: str, call: CanHangUp) -> None:
        """Here is the call."""
        self.call_id = call_id
        self._call = call
        self.opened_or_left.set()
        if self.asked is not None:
            call.hang_up(self.asked)

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """Ask the call to end. Of several askers the call decides."""
        self.asked = ending
        if self._call is not None:
            self._call.hang_up(ending, at_once=at_once)


class LiveCalls:
    """The process's calls. Belongs to one event loop."""

    def __init__(self, take_over_wait_s: float = 2.0) -> None:
        self._take_over_wait_s = take_over_wait_s
        self._slots: set[CallSlot] = set()
        self._newest: dict[str, CallSlot] = {}
        self._is_draining = False

    @property
    def live(self) -> int:
        """How many there are, those that are about to open or to end included."""
        return len(self._slots)

    @property
    def is_draining(self) -> bool:
        """Whether nobody is admitted any more."""
        return self._is_draining

    def call_ids(self) -> list[str]:
        """The calls whose rows are open."""
        return [slot.call_id for slot in self._slots if slot.call_id]

    def hang_up(self, call_id: str, ending: Ending) -> None:
        """End one call; no news if it has ended by itself."""
        for slot in self._slots:
            if slot.call_id == call_id:
                slot.hang_up(ending)

    @asynccontextmanager
    async def slot(self, session_id: str) -> AsyncIterator[CallSlot]:
        """A slot for a new call of this session, once an older call has left; not waited for long.

        The older one must be gone before the newer opens its row, so that the record has one order.
        Raises AdmissionRefused: `draining`, or `taken_over` by a call that is newer still.
        """
        if self._is_draining:
            raise AdmissionRefused(Ending.DRAINING, Ending.DRAINING)
        slot, older = CallSlot(), self._newest.get(session_id)
        self._slots.add(slot)
        self._newest[session_id] = slot
        try:
            if older is not None:
                older.hang_up(Ending.TAKEN_OVER)
                # Two openings at once could end each other's rows; the database bounds this wait.
                await older.opened_or_left.wait()
                await _until_left((older,), self._take_over_wait_s)
            if slot.asked is not None:
                raise AdmissionRefused(slot.asked, slot.asked)
            yield slot
        finally:
            self._slots.discard(slot)
            if self._newest.get(session_id) is slot:
                del self._newest[session_id]
            slot.opened_or_left.set()
            slot.left.set()

    async def drain(self, seconds: float) -> None:
        """Admit nobody, let answers end for so long, then hang up on all; 0 hangs up at once."""
        self._is_draining = True
        if seconds > 0:
            self._hang_up_all(at_once=False)
            await _until_left(tuple(self._slots), seconds)
        self._hang_up_all(at_once=True)
        await _until_left(tuple(self._slots), AT_ONCE_WAIT_S)

    def _hang_up_all(self, *, at_once: bool) -> None:
        for slot in self._slots:
            slot.hang_up(Ending.DRAINING, at_once=at_once)


async def _until_left(slots: Iterable[CallSlot], seconds: float) -> None:
    leaving = [asyncio.create_task(slot.left.wait()) for slot in slots]
    if not leaving:
        return
    try:
        await asyncio.wait(leaving, timeout=seconds)
    finally:
        for waiting in leaving:
            waiting.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
