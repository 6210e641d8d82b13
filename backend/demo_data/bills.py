"""PURE: what the provider would bill for the answers and transcriptions of a conversation.

A Realtime response is billed for its whole context, most of which the provider has cached.
"""

from random import Random

from backend.protocol.usage import (
    AUDIO_IN_TOKENS_PER_S,
    AUDIO_OUT_TOKENS_PER_S,
    SPOKEN_TOKENS_PER_S,
    Usage,
)

INSTRUCTIONS_TOKENS = 420
_CHARACTERS_PER_TOKEN = {"en": 4.2, "ja": 1.4}
_CACHED_SHARE = (0.0, 0.9, 0.9, 0.95, 1.0)
"""Of the context that an earlier response had. Sometimes nothing is cached any more."""


class Context:
    """What a model is given with each response: it grows with the conversation."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._text = INSTRUCTIONS_TOKENS
        self._audio = 0
        self._earlier_text = 0
        self._earlier_audio = 0

    def add_speech(self, seconds: float) -> None:
        """Count the user's speech."""
        self._audio += round(seconds * AUDIO_IN_TOKENS_PER_S)

    def add_text(self, tokens: int) -> None:
        """Count a typed message."""
        self._text += tokens

    def spoken_answer(self, source_id: str, seconds: float, *, is_estimated: bool) -> Usage:
        """The bill for an answer of this many seconds. An estimate knows nothing of the cache."""
        audio_out = round(seconds * AUDIO_OUT_TOKENS_PER_S)
        text_out = round(seconds * SPOKEN_TOKENS_PER_S)
        cached = 0.0 if is_estimated else self._dice.choice(_CACHED_SHARE)
        usage = Usage(
            source_id,
            "response",
            text_in=self._text,
            text_in_cached=int(self._earlier_text * cached),
            audio_in=self._audio,
            audio_in_cached=int(self._earlier_audio * cached),
            text_out=text_out,
            audio_out=audio_out,
            is_estimated=is_estimated,
        )
        self._grow(text_out, audio_out)
        return usage

    def written_answer(self, source_id: str, tokens: int) -> Usage:
        """The bill for a written answer of this many tokens."""
        cached = self._dice.choice(_CACHED_SHARE)
        usage = Usage(
            source_id,
            "response",
            text_in=self._text,
            text_in_cached=int(self._earlier_text * cached),
            text_out=tokens,
        )
        self._grow(tokens, 0)
        return usage

    def _grow(self, text: int, audio: int) -> None:
        self._earlier_text, self._earlier_audio = self._text, self._audio
        self._text += text
        self._audio += audio


def transcription(source_id: str, seconds: float, *, is_by_tokens: bool) -> Usage:
    """The bill for the transcription of this many seconds of speech."""
    if not is_by_tokens:
        return Usage(source_id, "transcription", seconds=round(seconds, 2))
    return Usage(
        source_id,
        "transcription",
        audio_in=round(seconds * AUDIO_IN_TOKENS_PER_S),
        text_out=round(seconds * SPOKEN_TOKENS_PER_S),
    )


def text_tokens(text: str, language: str) -> int:
    """About how many tokens a text has."""
    return 1 + round(len(text) / _CHARACTERS_PER_TOKEN[language])
