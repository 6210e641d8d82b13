"""Files for the fake microphone: spoken sentences with pauses."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.journeys.audio.equipment import WIRE_RATE, Samples, write_wav
from tests.journeys.speech import speak

BEFORE_S = 1.5
"""Silence before the first word, because the page takes a moment to open the microphone."""
AFTER_S = 2.5
"""Silence at the end: the fake device repeats its last sample for ever."""


def spoken(text: str, language: str = "en") -> Samples:
    """Synthesise a sentence at 24 kHz.

    In a thread of its own, since Playwright's event loop may be running in this one.
    """
    with ThreadPoolExecutor(1) as thread:
        pcm = thread.submit(asyncio.run, speak(text, language)).result()
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32_768


def silence(seconds: float) -> Samples:
    """Exact zeros at 24 kHz."""
    return np.zeros(int(seconds * WIRE_RATE))


def microphone_wav(path: Path, *parts: str | float, language: str = "en") -> Path:
    """Write a WAV file of sentences (str) and pauses in seconds (float), in this order."""
    segments = [
        silence(part) if isinstance(part, float) else spoken(part, language) for part in parts
    ]
    return write_wav(
        path, np.concatenate([silence(BEFORE_S), *segments, silence(AFTER_S)]), WIRE_RATE
    )
