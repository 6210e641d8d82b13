"""Speech for the journeys, synthesised by espeak-ng: PCM16, 24 kHz, mono."""

from functools import cache

from backend.simulator.persona.script import PHRASES
from backend.simulator.sound.synthesiser import EspeakSynthesiser

QUESTION = "How many people work on the orders?"


async def speak(text: str, language: str = "en") -> bytes:
    """Synthesise a sentence; the simulator's Japanese phrases are read from their kana."""
    if (text, language) not in _spoken:
        voice = EspeakSynthesiser()
        try:
            _spoken[text, language] = await voice.speak(
                _readings().get(text, text), "ja" if language == "ja" else "en", "narrator"
            )
        finally:
            await voice.close()
    return _spoken[text, language]


_spoken: dict[tuple[str, str], bytes] = {}


@cache
def _readings() -> dict[str, str]:
    return {phrase.caption: phrase.reading for phrases in PHRASES.values() for phrase in phrases}
