"""PURE: voice activity on real sound: where speech starts and where it stops.

Loudness of 20 ms frames against a floor that follows the room: the quietest frame of the last two
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
"""So many of the last five frames must be loud: a click of 40 ms is not speech."""

_QUIET_ROOM_DB: Final = -52.0
_FULL_SCALE: Final = 32768.0**2


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at this place of the stream, in milliseconds from its start."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The silence after speech has lasted long enough at this place, in milliseconds."""

    at_ms: int


def loudness_db(pcm: bytes) -> list[float]:
    """The loudness of each whole 20 ms frame, in dB of full scale."""
    frames = len(pcm) // FRAME_BYTES
    sound = np.frombuffer(pcm, dtype="<i2", count=frames * FRAME_SAMPLES).astype(np.float32)
    shaped: npt.NDArray[np.float32] = sound.reshape(frames, FRAME_SAMPLES)
    powers = np.einsum("ij,ij->i", shaped, shaped).tolist()
    return [10.0 * math.log10(power / (FRAME_SAMPLES * _FULL_SCALE) + 1e-10) for power in powers]


class VoiceActivity:
    """Fed sound, answers with the starts and stops of speech in it.

    `threshold` 0 to 1 (0.5 is normal): how far above the room, and how loud at all, speech must be.
    `silence_ms` 0: the first quiet frame ends the speech. `position_ms`: the place in the stream
    of the first sound that it is fed.
    """

    def __init__(self, threshold: float = 0.5, silence_ms: int = 500, position_ms: int = 0) -> None:
        self.configure(threshold, silence_ms)
        self._rest = b""
        self._at_ms = position_ms
        self._frame_number = 0
        # A rising queue: its head is the quietest frame of the window (O(1) a frame, amortised).
        self._quietest: deque[tuple[int, float]] = deque([(0, _QUIET_ROOM_DB)])
        self._recent: deque[bool] = deque(maxlen=5)
        self.is_speech = False
        self._silent_ms = 0

    def configure(self, threshold: float, silence_ms: int) -> None:
        """Takes other settings from the next frame on."""
        self._margin_db = 10.0 + (threshold - 0.5) * 12.0
        self._least_db = -46.0 + (threshold - 0.5) * 40.0
        self._silence_ms = silence_ms

    def reset(self) -> None:
        """Forgets the speech in progress; the room's floor stays known."""
        self.is_speech = False
        self._recent.clear()

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Looks at more sound, PCM16 mono 24 kHz."""
        sound = self._rest + pcm if self._rest else pcm
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        happened: list[SpeechStarted | SpeechStopped] = []
        if whole:
            for level_db in loudness_db(sound):
                self._hear(level_db, happened)
        return happened

    def _hear(self, level_db: float, happened: list[SpeechStarted | SpeechStopped]) -> None:
        floor_db = self._follow_floor(level_db)
        self._at_ms += FRAME_MS
        is_loud = level_db > self._least_db and level_db > floor_db + self._margin_db
        if self.is_speech:
            self._silent_ms = 0 if is_loud else self._silent_ms + FRAME_MS
            if not is_loud and self._silent_ms >= self._silence_ms:
                self.reset()
                happened.append(SpeechStopped(self._at_ms))
            return
        self._recent.append(is_loud)
        if is_loud and sum(self._recent) >= START_FRAMES:
            self.is_speech = True
            self._silent_ms = 0
            first = list(self._recent).index(True)
            begun_ms = self._at_ms - (len(self._recent) - first) * FRAME_MS
            happened.append(SpeechStarted(begun_ms))

    def _follow_floor(self, level_db: float) -> float:
        number = self._frame_number = self._frame_number + 1
        queue = self._quietest
        while queue and queue[-1][1] >= level_db:
            queue.pop()
        queue.append((number, level_db))
        if queue[0][0] <= number - FLOOR_FRAMES:
            queue.popleft()
        return queue[0][1]
