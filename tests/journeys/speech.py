"""Speech for the journeys, synthesised by espeak-ng: PCM16, 24 kHz, mono."""

from functools import cache

from backend.simulator.persona.script import PHRASES
from backend.simulator.sound.synthesiser import EspeakSynthesiser

QUESTION = "How many people work on the orders?"


async def speak(text: str, language: str = "en", voice: str = "narrator") -> bytes:
    """Synthesise a sentence; the simulator's Japanese phrases are read from their kana."""
    key = text, language, voice
    if key not in _spoken:
        synthesiser = EspeakSynthesiser()
        try:
            _spoken[key] = await synthesiser.speak(
                _readings().get(text, text), "ja" if language == "ja" else "en", voice
            )
        finally:
            await synthesiser.close()
    return _spoken[key]


_spoken: dict[tuple[str, str, str], bytes] = {}


@cache
def _readings() -> dict[str, str]:
    return {phrase.caption: phrase.reading for phrases in PHRASES.values() for phrase in phrases}
