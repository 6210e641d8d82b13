"""What the fake microphone plays: spoken sentences with the pauses that a person makes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.journeys.audio.equipment import WIRE_RATE, Samples, write_wav
from tests.journeys.speech import speak

BEFORE_S = 1.5
"""So long one is silent before the first word: the page takes a moment to listen."""
AFTER_S = 2.5
"""The fake device holds its last level for ever, so the end must be silence."""


def spoken(text: str, language: str = "en") -> Samples:
    """A sentence at 24 kHz. A thread of its own, since Playwright's loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        pcm = thread.submit(asyncio.run, speak(text, language)).result()
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32_768


def silence(seconds: float) -> Samples:
    """Exact zeros at 24 kHz."""
    return np.zeros(int(seconds * WIRE_RATE))


def monologue(path: Path, *parts: str | float, language: str = "en") -> Path:
    """A file for the fake microphone: sentences, and pauses in seconds, in this order."""
    sounds = [
        silence(part) if isinstance(part, float) else spoken(part, language) for part in parts
    ]
    return write_wav(
        path, np.concatenate([silence(BEFORE_S), *sounds, silence(AFTER_S)]), WIRE_RATE
    )
