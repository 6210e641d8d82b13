"""Does the microphone hear the loudspeaker? Decided from the levels of both. Pure.

Without echo cancellation, which a terminal has not, the model would hear itself, take it for the
user and interrupt itself. An echo is quieter and late, but it rises and falls with what is played:
so the levels of the last seconds are correlated, at each delay that occurs.
"""

import math
from collections import deque

STEP_MS = 40
"""The levels are those of chunks of this length."""
_WINDOW_STEPS = 100
"""4 s: some ten syllables."""
_MAX_DELAY_STEPS = 15
"""600 ms: buffers of both devices, Bluetooth."""
_EVERY_STEPS = 12
"""How often the window is looked at: twice a second."""
_MIN_CORRELATION = 0.7
"""Independent speech stays below 0.5 over 4 s (tests/cli/test_echo.py), an echo above 0.9."""
_MIN_PLAYED_SHARE = 0.3
_MIN_PLAYED_RMS = 0.01
_MIN_HEARD_RMS = 0.001
"""-60 dB of full scale: what is fainter is not taken for speech."""
_NEEDED_IN_A_ROW = 2


class EchoDetector:
    """Takes the levels of what was played and heard in each step of 40 ms."""

    def __init__(self) -> None:
        self._played: deque[float] = deque(maxlen=_WINDOW_STEPS + _MAX_DELAY_STEPS)
        self._heard: deque[float] = deque(maxlen=_WINDOW_STEPS)
        self._steps = 0
        self._in_a_row = 0

    def add(self, played_rms: float, heard_rms: float) -> bool:
        """Add one step; return True if it shows an echo."""
        self._played.append(played_rms)
        self._heard.append(heard_rms)
        self._steps += 1
        if self._steps % _EVERY_STEPS or self._steps < _WINDOW_STEPS + _MAX_DELAY_STEPS:
            return False
        self._in_a_row = self._in_a_row + 1 if self._is_echo() else 0
        return self._in_a_row >= _NEEDED_IN_A_ROW

    def _is_echo(self) -> bool:
        played, heard = list(self._played), list(self._heard)
        is_loud = [level >= _MIN_PLAYED_RMS for level in played]
        if sum(is_loud) < _MIN_PLAYED_SHARE * len(played) or max(heard) < _MIN_HEARD_RMS:
            return False
        return any(
            _correlation(played[shift : shift + _WINDOW_STEPS], heard) >= _MIN_CORRELATION
            for shift in range(_MAX_DELAY_STEPS + 1)
        )


def _correlation(one: list[float], other: list[float]) -> float:
    """Pearson's correlation; 0 where one of them does not change."""
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    first = [value - mean_one for value in one]
    second = [value - mean_other for value in other]
    spread = math.sqrt(sum(map(_square, first)) * sum(map(_square, second)))
    return sum(a * b for a, b in zip(first, second, strict=True)) / spread if spread else 0.0


def _square(value: float) -> float:
    return value * value
