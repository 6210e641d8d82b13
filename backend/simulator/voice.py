"""Voices: a line of text becomes PCM16, mono, 24 kHz."""

import math
from array import array
from functools import lru_cache
from typing import Protocol

from backend.simulator.effects import Language


class VoiceBroken(Exception):
    """No sound can be made of this line."""


class Voice(Protocol):
    """What the server needs of a voice."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """The sound of a line, PCM16 mono 24 kHz. Raises VoiceBroken."""

    async def close(self) -> None:
        """Ends what was started."""


@lru_cache(maxsize=64)
def _hum(length_ms: int) -> bytes:
    count = length_ms * 24
    return array(
        "h", (int(6000 * math.sin(2 * math.pi * 220 * n / 24000)) for n in range(count))
    ).tobytes()


class Tone:
    """Hums as long as the line would take: a voice that costs nothing, for benchmarks."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """70 ms a letter in English, 150 ms a kana."""
        return _hum(len(reading) * (150 if language == "ja" else 70))

    async def close(self) -> None:
        """Nothing was started."""
