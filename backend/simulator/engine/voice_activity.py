"""PURE: voice activity detection: where speech starts and stops in a stream of sound.

Compares the loudness of 20 ms frames with a noise floor: the quietest frame of the last two
seconds. Speech has a gap at least that often, so its floor stays low; a steady noise has none, so
it becomes the floor and stops counting as speech two seconds after it began.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_MS: Final = 20
FRAME_SAMPLES: Final = 480
FRAME_BYTES: Final = 960
FLOOR_FRAMES: Final = 2000 // FRAME_MS
START_FRAMES: Final = 3
"""Speech starts when this many of the last five frames are loud: a click of 40 ms is not speech."""

_INITIAL_FLOOR_DB: Final = -52.0
_FULL_SCALE: Final = 32768.0**2


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech started at this position, in milliseconds from the start of the stream."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The silence after speech reached its configured length at this position, in milliseconds."""

    at_ms: int


def loudness_db(pcm: bytes) -> list[float]:
    """The loudness of each whole 20 ms frame, in dB relative to full scale."""
    frames = len(pcm) // FRAME_BYTES
    sound = np.frombuffer(pcm, dtype="<i2", count=frames * FRAME_SAMPLES).astype(np.float32)
    shaped: npt.NDArray[np.float32] = sound.reshape(frames, FRAME_SAMPLES)
    powers = np.einsum("ij,ij->i", shaped, shaped).tolist()
    return [10.0 * math.log10(power / (FRAME_SAMPLES * _FULL_SCALE) + 1e-10) for power in powers]


class VoiceActivityDetector:
    """Takes PCM16 mono 24 kHz in pieces of any size; returns the starts and stops of speech.

    `threshold`: 0 to 1, normally 0.5; how far above the noise floor, and how loud in absolute
    terms, speech must be. `silence_ms`: the silence that ends speech; with 0 the first quiet frame
    ends it. `position_ms`: the position in the stream of the first sound passed to `feed`.
    """

    def __init__(self, threshold: float = 0.5, silence_ms: int = 500, position_ms: int = 0) -> None:
        self.configure(threshold, silence_ms)
        self._incomplete_frame = b""
        self._at_ms = position_ms
        self._frame_number = 0
        # A monotonic queue: its head is the window's quietest frame (amortised O(1) per frame).
        self._quietest: deque[tuple[int, float]] = deque([(0, _INITIAL_FLOOR_DB)])
        self._recent: deque[bool] = deque(maxlen=5)
        self.is_speech = False
        self._silent_ms = 0

    def configure(self, threshold: float, silence_ms: int) -> None:
        """Use these settings from the next frame on."""
        self._margin_db = 10.0 + (threshold - 0.5) * 12.0
        self._min_level_db = -46.0 + (threshold - 0.5) * 40.0
        self._silence_ms = silence_ms

    def reset(self) -> None:
        """Forget speech in progress; keep the noise floor."""
        self.is_speech = False
        self._recent.clear()

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Process more sound; return the changes found in it, in order."""
        sound = self._incomplete_frame + pcm if self._incomplete_frame else pcm
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._incomplete_frame = sound[whole:]
        changes: list[SpeechStarted | SpeechStopped] = []
        if whole:
            for level_db in loudness_db(sound):
                self._process_frame(level_db, changes)
        return changes

    def _process_frame(self, level_db: float, changes: list[SpeechStarted | SpeechStopped]) -> None:
        floor_db = self._update_floor(level_db)
        self._at_ms += FRAME_MS
        is_loud = level_db > self._min_level_db and level_db > floor_db + self._margin_db
        if self.is_speech:
            self._silent_ms = 0 if is_loud else self._silent_ms + FRAME_MS
            if not is_loud and self._silent_ms >= self._silence_ms:
                self.reset()
                changes.append(SpeechStopped(self._at_ms))
            return
        self._recent.append(is_loud)
        if is_loud and sum(self._recent) >= START_FRAMES:
            self.is_speech = True
            self._silent_ms = 0
            first = list(self._recent).index(True)
            started_ms = self._at_ms - (len(self._recent) - first) * FRAME_MS
            changes.append(SpeechStarted(started_ms))

    def _update_floor(self, level_db: float) -> float:
        number = self._frame_number = self._frame_number + 1
        queue = self._quietest
        while queue and queue[-1][1] >= level_db:
            queue.pop()
        queue.append((number, level_db))
        if queue[0][0] <= number - FLOOR_FRAMES:
            queue.popleft()
        return queue[0][1]
