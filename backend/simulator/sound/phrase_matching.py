"""PURE: compares speech with templates: cepstra, and dynamic time warping of all templates at once.

Each frame of the sound advances by zero, one or two frames of the template, so one row of the warp
(for all templates) is three shifted minima: 20 templates of 3 s take about 10 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from backend.simulator.sound.waveform import RATE, Floats, frame_levels

HOP = RATE * 16 // 1000
_WINDOW = RATE * 32 // 1000
_FFT = 1024
_BANDS = 30
_CEPSTRA = 13
_LOW_HZ, _HIGH_HZ = 120.0, 6500.0
_OFF_DIAGONAL_COST = 0.1
"""The cost of advancing by zero or two frames, so that alike frames prefer to advance by one."""


def _mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mel: npt.NDArray[np.float64] = 2595.0 * np.log10(1.0 + hz / 700.0)
    return mel


@lru_cache(maxsize=1)
def _tables() -> tuple[Floats, Floats, Floats]:
    """The window, the mel filter bank, and the cosine transform with its lifter."""
    low, high = _mel(np.array([_LOW_HZ, _HIGH_HZ])).tolist()
    edges = np.linspace(low, high, _BANDS + 2)
    bins = _mel(np.arange(_FFT // 2 + 1) * RATE / _FFT)
    rise = (bins[None, :] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins[None, :]) / (edges[2:] - edges[1:-1])[:, None]
    bands = np.clip(np.minimum(rise, fall), 0.0, None)
    order = np.arange(1, _CEPSTRA + 1)[:, None]
    cosines = np.cos(np.pi * order * (np.arange(_BANDS) + 0.5)[None, :] / _BANDS)
    lift = 1.0 + 0.5 * _CEPSTRA * np.sin(np.pi * order / _CEPSTRA)
    return (
        np.hamming(_WINDOW).astype(np.float32),
        bands.astype(np.float32).T,
        (cosines * lift / 8.0).astype(np.float32).T,
    )


def speech_in(sound: Floats) -> Floats:
    """The sound from its first to its last loud frame; the threshold follows the room's noise."""
    levels = frame_levels(sound)
    if not len(levels) or levels.max() <= 0:
        return sound[:0]
    smooth = np.convolve(levels, np.full(3, 1 / 3, np.float32), "same")
    top = float(smooth.max())
    floor = 3.0 * float(np.percentile(smooth, 5))
    loud = np.flatnonzero(smooth > min(max(0.02 * top, floor), 0.15 * top))
    frame = RATE // 100
    return sound[int(loud[0]) * frame : int(loud[-1] + 1) * frame]


def features(sound: Floats) -> Floats:
    """Cepstra and their slopes, one row per 16 ms, normalised for level and constant filtering."""
    speech = speech_in(sound)
    if len(speech) < 4 * _WINDOW:
        return np.zeros((0, 2 * _CEPSTRA), np.float32)
    window, bands, cosines = _tables()
    emphasised = np.append(speech[:1], speech[1:] - np.float32(0.95) * speech[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, _WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * window, _FFT)) ** 2
    energy = power.astype(np.float32) @ bands
    cepstra = np.log(energy + energy.max() * np.float32(1e-5)) @ cosines
    cepstra = (cepstra - cepstra.mean(axis=0)) / (cepstra.std(axis=0) + np.float32(1e-3))
    padded = np.pad(cepstra, ((2, 2), (0, 0)), mode="edge")
    slopes = (padded[4:] - padded[:-4]) + np.float32(0.5) * (padded[3:-1] - padded[1:-3])
    return np.concatenate([cepstra, np.float32(0.5) * slopes], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class TemplateBank:
    """Templates of several phrases.

    `frames`: shape (templates, longest, coefficients), zero-padded. `lengths`: frames per template.
    """

    frames: Floats
    lengths: npt.NDArray[np.int64]
    names: tuple[str, ...]


def build_bank(templates: Sequence[tuple[str, Floats]]) -> TemplateBank:
    """A bank of templates, each a name and its features."""
    lengths = np.array([len(each) for _, each in templates])
    frames = np.zeros((len(templates), int(lengths.max()), 2 * _CEPSTRA), np.float32)
    for row, (_, each) in enumerate(templates):
        frames[row, : len(each)] = each
    return TemplateBank(frames, lengths, tuple(name for name, _ in templates))


def distances(bank: TemplateBank, heard: Floats) -> list[tuple[float, str]]:
    """The distance and name of each template of similar length, nearest first."""
    count = len(heard)
    fitting = np.flatnonzero((bank.lengths > count * 0.6) & (bank.lengths < count * 1.7))
    if not count or not len(fitting):
        return []
    longest = int(bank.lengths[fitting].max())
    frames = bank.frames[fitting, :longest]
    squares = (frames**2).sum(axis=2)[:, None, :] + (heard**2).sum(axis=1)[None, :, None]
    apart = np.sqrt(np.maximum(squares - 2 * np.matmul(heard, frames.transpose(0, 2, 1)), 0))
    apart /= np.float32(np.sqrt(heard.shape[1]))
    best = np.full((len(fitting), longest + 2), np.inf, np.float32)
    best[:, 2:4] = apart[:, 0, :2]
    for row in range(1, count):
        nearest = np.minimum(
            best[:, 1:-1], np.minimum(best[:, 2:], best[:, :-2]) + _OFF_DIAGONAL_COST
        )
        best[:, 2:] = apart[:, row, :] + nearest
    ends = best[np.arange(len(fitting)), bank.lengths[fitting] + 1] / count
    found = [(float(end), bank.names[row]) for end, row in zip(ends, fitting, strict=True)]
    return sorted(found)
