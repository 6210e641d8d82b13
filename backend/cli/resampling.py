"""Sound at another sample rate: a windowed-sinc filter in plain Python. Pure.

numpy is no dependency of the terminal client. One second of 44.1 kHz takes 60 ms of processor time.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul

_ZERO_CROSSINGS = 8
"""On each side of the filter: enough for speech."""
_MAX_PHASES = 1024
"""Rates whose ratio needs more phases are approximated to one of so many."""


class Resampler:
    """Resamples one stream of mono samples (16 bit), chunk by chunk."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError("a sample rate is positive")
        common = math.gcd(from_hz, to_hz)
        self._step, self._phases = from_hz // common, to_hz // common
        self._is_identity = from_hz == to_hz
        if self._is_identity:
            return
        # Below the smaller of both rates' limits, so that nothing is folded back.
        cutoff = min(1.0, to_hz / from_hz)
        self._half = math.ceil(_ZERO_CROSSINGS / cutoff)
        self._filters = [
            _filter(phase / min(self._phases, _MAX_PHASES), cutoff, self._half)
            for phase in range(min(self._phases, _MAX_PHASES))
        ]
        self._waiting = array("h", bytes(2 * (self._half - 1)))
        self._next = 0
        """Where the next output sample lies, in 1/phases of an input sample of `_waiting`."""

    def feed(self, samples: Sequence[int]) -> array[int]:
        """The output that these input samples complete."""
        if self._is_identity:
            return array("h", samples)
        self._waiting.extend(samples)
        output = array("h")
        length = 2 * self._half
        while (first := self._next // self._phases) + length <= len(self._waiting):
            phase = self._next % self._phases * len(self._filters) // self._phases
            window = self._waiting[first : first + length]
            output.append(_clipped(sum(map(mul, self._filters[phase], window))))
            self._next += self._step
        used = min(self._next // self._phases, len(self._waiting))
        del self._waiting[:used]
        self._next -= used * self._phases
        return output

    def flush(self) -> array[int]:
        """The rest of the stream's output: the input was as if silence followed."""
        return array("h") if self._is_identity else self.feed(array("h", bytes(2 * self._half)))


def _filter(offset: float, cutoff: float, half: int) -> list[float]:
    """The weights of `2 * half` input samples for an output `offset` after the middle one."""
    weights = []
    for index in range(2 * half):
        distance = index - (half - 1) - offset
        window = 0.5 + 0.5 * math.cos(math.pi * distance / half) if abs(distance) < half else 0.0
        at = math.pi * distance * cutoff
        weights.append(window * (math.sin(at) / at if at else 1.0))
    total = sum(weights)
    return [weight / total for weight in weights]


def _clipped(value: float) -> int:
    return max(-32768, min(32767, round(value)))
