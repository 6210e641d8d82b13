"""Files for the fake microphone: spoken sentences with pauses."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.journeys.audio.equipment import WIRE_RATE, Samples, write_wav
from tests.journeys.speech import speak

BEFORE_S = 3.0
"""Faint noise before the first word: the page takes a moment to open the microphone, and on a busy
machine more than a second and a half."""
AFTER_S = 30.0
"""Faint noise at the end, as in a real room: after three seconds of exact zeros the page shows the
card of a silent microphone, and on a busy machine a test is still in its call by then. After the
noise the fake device repeats its last sample for ever."""
NOISE_PEAK = 2 / 32_768
"""-84 dB of full scale; the page's own threshold for speech is -46 dB."""


def spoken(text: str, language: str = "en", voice: str = "narrator") -> Samples:
    """Synthesise a sentence at 24 kHz; `voice` is one of the provider's, or the visitor's.

    In a thread of its own, since Playwright's event loop may be running in this one.
    """
    with ThreadPoolExecutor(1) as thread:
        pcm = thread.submit(asyncio.run, speak(text, language, voice)).result()
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32_768


def silence(seconds: float) -> Samples:
    """Exact zeros at 24 kHz."""
    return np.zeros(int(seconds * WIRE_RATE))


def faint_noise(seconds: float) -> Samples:
    """Noise at 24 kHz that nobody hears, the same each time."""
    generator = np.random.default_rng(seed=1)
    return generator.uniform(-NOISE_PEAK, NOISE_PEAK, int(seconds * WIRE_RATE))


def microphone_wav(path: Path, *parts: str | float, language: str = "en") -> Path:
    """Write a WAV file of sentences (str) and pauses in seconds (float), in this order."""
    segments = [
        silence(part) if isinstance(part, float) else spoken(part, language) for part in parts
    ]
    return write_wav(
        path, np.concatenate([faint_noise(BEFORE_S), *segments, faint_noise(AFTER_S)]), WIRE_RATE
    )
