"""Django's ASGI handler with a limit on how many requests compute at the same time.

Each request runs in a thread of its own, and a thread that computes keeps the interpreter for
`serve.SWITCH_INTERVAL_S` before another one has it. The event loop waits behind all of them,
several times for each frame of audio: with twenty requests at once a frame was late by 50 to 150 ms
(`make bench-attacks`).
"""

import asyncio

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

AT_ONCE = 3
SLOT_S = 0.03
"""For how long a request counts. Most take 3 to 10 ms; one that takes longer waits, for the
database, a provider or the queue of passwords, and computes nothing meanwhile."""


class Slot:
    """One of the `AT_ONCE` slots, held until `release` or for `SLOT_S`."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots: asyncio.Semaphore | None = slots
        self._timer = asyncio.get_running_loop().call_later(SLOT_S, self.release)

    def release(self) -> None:
        """Release the slot; the second time does nothing."""
        self._timer.cancel()
        if self._slots is not None:
            self._slots.release()
            self._slots = None


class ConcurrencyLimitedHandler(ASGIHandler):
    """Starts a request when one of `AT_ONCE` slots is free.

    A request's body is read before, so that a slow client holds no slot.
    """

    def __init__(self) -> None:
        super().__init__()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Wait for a slot, and return the response."""
        await self._slots.acquire()
        slot = Slot(self._slots)
        try:
            return await super().get_response_async(request)
        finally:
            slot.release()
