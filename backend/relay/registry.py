"""The calls of this process: one a session, a newer one takes over; all drain together."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from backend.protocol.errors import AdmissionRefused, Ending

AT_ONCE_WAIT_S = 0.8


class Hangable(Protocol):
    """A call, as far as the registry is concerned."""

    def hang_up(self, ending: Ending, *, at_once: bool = False) -> None:
        """End the call; returns at once."""
        ...


class Place:
    """One call's place, from before its row is opened until all of it is cleaned up.

    `hang_up` may come before the call does: it is then carried out when the call is put.
    """

    def __init__(self) -> None:
        self.call_id = ""
        self.asked: Ending | None = None
        self.opened_or_left = asyncio.Event()
        self.left = asyncio.Event()
        self._call: Hangable | None = None

    def put(self, call_id: str, call: Hangable) -> None:
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
        self._places: set[Place] = set()
        self._newest: dict[str, Place] = {}
        self._is_draining = False

    @property
    def live(self) -> int:
        """How many there are, those that are about to open or to end included."""
        return len(self._places)

    @property
    def is_draining(self) -> bool:
        """Whether nobody is admitted any more."""
        return self._is_draining

    def call_ids(self) -> list[str]:
        """The calls whose rows are open."""
        return [place.call_id for place in self._places if place.call_id]

    def hang_up(self, call_id: str, ending: Ending) -> None:
        """End one call; no news if it has ended by itself."""
        for place in self._places:
            if place.call_id == call_id:
                place.hang_up(ending)

    @asynccontextmanager
    async def place(self, session_id: str) -> AsyncIterator[Place]:
        """A place for a new call of this session, once an older call has left; not waited for long.

        The older one must be gone before the newer opens its row, so that the record has one order.
        Raises AdmissionRefused: `draining`, or `taken_over` by a call that is newer still.
        """
        if self._is_draining:
            raise AdmissionRefused("draining", Ending.DRAINING)
        place, older = Place(), self._newest.get(session_id)
        self._places.add(place)
        self._newest[session_id] = place
        try:
            if older is not None:
                older.hang_up(Ending.TAKEN_OVER)
                # Two openings at once could end each other's rows; the database bounds this wait.
                await older.opened_or_left.wait()
                await _until_left((older,), self._take_over_wait_s)
            if place.asked is not None:
                raise AdmissionRefused(str(place.asked), place.asked)
            yield place
        finally:
            self._places.discard(place)
            if self._newest.get(session_id) is place:
                del self._newest[session_id]
            place.opened_or_left.set()
            place.left.set()

    async def drain(self, seconds: float) -> None:
        """Admit nobody, let answers end for so long, then hang up on all; 0 hangs up at once."""
        self._is_draining = True
        if seconds > 0:
            self._hang_up_all(at_once=False)
            await _until_left(tuple(self._places), seconds)
        self._hang_up_all(at_once=True)
        await _until_left(tuple(self._places), AT_ONCE_WAIT_S)

    def _hang_up_all(self, *, at_once: bool) -> None:
        for place in self._places:
            place.hang_up(Ending.DRAINING, at_once=at_once)


async def _until_left(places: Iterable[Place], seconds: float) -> None:
    leaving = [asyncio.create_task(place.left.wait()) for place in places]
    if not leaving:
        return
    try:
        await asyncio.wait(leaving, timeout=seconds)
    finally:
        for waiting in leaving:
            waiting.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
