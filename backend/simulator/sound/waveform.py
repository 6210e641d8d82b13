"""PURE: signal processing of speech: resampling, levelling, trimming, PCM16 conversion."""

from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

RATE = 24_000
LEVEL_DBFS = -20.0
PEAK_DBFS = -3.0
_TAPS = 48
_KAISER = 8.0
_FRAME = RATE // 100


@lru_cache(maxsize=4)
def _filters(up: int, down: int) -> npt.NDArray[np.float64]:
    """One windowed-sinc filter per phase; the cut-off is below half of either rate."""
    cut = 0.95 * min(1.0, up / down)
    offsets = np.arange(_TAPS)[None, :] - (_TAPS // 2 - 1) - np.arange(up)[:, None] / up
    inside = np.clip(1 - (offsets / (_TAPS / 2)) ** 2, 0, 1)
    filters = cut * np.sinc(cut * offsets) * np.i0(_KAISER * np.sqrt(inside))
    normal: npt.NDArray[np.float64] = filters / filters.sum(axis=1, keepdims=True)
    return normal


def resample(sound: Floats, rate: int, to_rate: int = RATE) -> Floats:
    """The sound at another sample rate, by polyphase windowed sinc."""
    common = gcd(rate, to_rate)
    up, down = to_rate // common, rate // common
    if up == down:
        return sound
    length = len(sound) * up // down
    padded = np.pad(sound, (_TAPS // 2, _TAPS))
    filters = _filters(up, down).astype(np.float32)
    places = np.arange(length) * down
    first, phase = places // up + 1, places % up
    windows = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)
    made: Floats = np.einsum("ij,ij->i", windows[first], filters[phase]).astype(np.float32)
    return made


def frame_levels(sound: Floats) -> Floats:
    """The root mean square of each whole 10 ms."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    levels: Floats = np.sqrt((frames * frames).mean(axis=1, dtype=np.float32))
    return levels


def trimmed(sound: Floats, keep_ms: int = 60) -> Floats:
    """The sound without the silence at its ends; `keep_ms` of it stay at each end."""
    levels = frame_levels(sound)
    if not len(levels) or levels.max() <= 0:
        return sound[:0]
    loud = np.flatnonzero(levels > levels.max() * 0.01)
    first = max(int(loud[0]) * 10 - keep_ms, 0) * RATE // 1000
    last = (int(loud[-1] + 1) * 10 + keep_ms) * RATE // 1000
    return sound[first:last]


def levelled(sound: Floats) -> Floats:
    """Scale speech so that its loud frames are at `LEVEL_DBFS`, and no sample above `PEAK_DBFS`."""
    levels = frame_levels(sound)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak <= 0 or not len(levels):
        return sound
    speech = levels[levels > levels.max() * 0.1]
    wanted = 10 ** (LEVEL_DBFS / 20) / float(np.sqrt((speech * speech).mean()))
    return sound * np.float32(min(wanted, 10 ** (PEAK_DBFS / 20) / peak))


def from_pcm16(pcm: bytes) -> Floats:
    """PCM16 to floats from -1 to 1."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)


def to_pcm16(sound: Floats) -> bytes:
    """Floats from -1 to 1 to PCM16."""
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes()
