"""Finds a worker whose event loop hangs: each loop counts its seconds, and the supervisor looks.

Such a worker accepts nothing, and the others answer `/healthz`; but its calls stand still, with
their clients, until somebody ends the process.
"""

from backend.serving.worker_memory import Row, numbers

LOOK_S = 5.0
"""How often the supervisor looks."""
HUNG_LOOKS = 12
"""The looks in a row without a beat after which a worker hangs: a minute. The longest shutdown, in
which nothing beats, takes less. Looks are counted, not the time: where the whole machine stood
still, the supervisor did too."""
_WRAPS_AT = 2**31


class WorkerBeats:
    """The beats of one of `count` workers; `number` is its own, from 1 on."""

    def __init__(self, memory: int, number: int, count: int) -> None:
        self._beats = numbers(memory, count, Row.BEATS)
        self._own = number - 1

    def beat(self) -> None:
        """Count one more. The event loop calls it every second."""
        self._beats[self._own] = (self.count() + 1) % _WRAPS_AT

    def count(self) -> int:
        """Return how many beats there were."""
        beats: int = self._beats[self._own]
        return beats


class HangDetector:
    """Decides by the beats of one process whether its loop hangs. PURE.

    `beats` are those from before it was started. Until it has beaten it is starting.
    """

    def __init__(self, beats: int) -> None:
        self._first = self._last = beats
        self._silent_looks = 0

    def is_hung(self, beats: int) -> bool:
        """Take the present count of the beats at a look; return whether the loop hangs."""
        is_silent = beats == self._last != self._first
        self._silent_looks = self._silent_looks + 1 if is_silent else 0
        self._last = beats
        return self._silent_looks >= HUNG_LOOKS
