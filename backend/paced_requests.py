"""Django's ASGI handler, which begins a few requests at a time.

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
LONGEST_TURN_S = 0.03
"""Most requests take 3 to 10 ms. One that takes longer than this waits, for the database, a
provider or the queue of passwords, and delays nobody: the next one begins."""


class Turn:
    """A place among the requests that compute, until `end` or for `LONGEST_TURN_S`."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places: asyncio.Semaphore | None = places
        self._timer = asyncio.get_running_loop().call_later(LONGEST_TURN_S, self.end)

    def end(self) -> None:
        """Give the place back; the second time nothing happens."""
        self._timer.cancel()
        if self._places is not None:
            self._places.release()
            self._places = None


class PacedHandler(ASGIHandler):
    """Begins a request while fewer than `AT_ONCE` have a turn.

    A request's body is read before, so that a slow client takes no turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Wait for a turn, and return the response."""
        await self._places.acquire()
        turn = Turn(self._places)
        try:
            return await super().get_response_async(request)
        finally:
            turn.end()
