"""Sentences that people say in the journeys, spoken by espeak-ng: PCM16, 24 kHz, mono."""

import asyncio
from functools import cache

from backend.simulator.voice import Voice


@cache
def spoken(text: str, language: str = "en") -> bytes:
    """The sentence as sound; Japanese as kana. Cached, since a voice process takes a moment to start."""
    return asyncio.run(_speak(text, language))


async def _speak(text: str, language: str) -> bytes:
    raise RuntimeError  # filled in when the voice's interface is known
