"""PURE: plausible tokens. One per 100 ms of the user's sound, one per 50 ms of the assistant's.

Each response bills the whole conversation again as input, the part that the response before it had
already seen as cached, in blocks of 64 as the provider's own example has it (protocol §6).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

CACHE_BLOCK_TOKENS = 64
MOST_OUTPUT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Tokens:
    """So many text and audio tokens."""

    text: int = 0
    audio: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.text + other.text, self.audio + other.audio)

    @property
    def total(self) -> int:
        return self.text + self.audio


def of_text(text: str) -> Tokens:
    """About four Latin letters a token, about one Japanese character."""
    wide = sum(1 for character in text if ord(character) > 0x2E7F)
    return Tokens(text=wide + ceil((len(text) - wide) / 4))


def of_user_audio(ms: int) -> Tokens:
    """The sound that the person made."""
    return Tokens(audio=ceil(ms / 100))


def of_assistant_audio(ms: int) -> Tokens:
    """The sound that the assistant made."""
    return Tokens(audio=ceil(ms / 50))


def total(parts: Iterable[Tokens]) -> Tokens:
    """The sum."""
    return sum(parts, start=Tokens())


def cached(seen: Tokens, given: Tokens) -> Tokens:
    """The part of `given` that an earlier response had `seen`, in whole blocks."""
    block = CACHE_BLOCK_TOKENS
    return Tokens(
        min(seen.text, given.text) // block * block, min(seen.audio, given.audio) // block * block
    )


def usage(given: Tokens, known: Tokens, made: Tokens) -> dict[str, Any]:
    """`response.done`'s usage: `given` is all input, `known` its cached part, `made` the output."""
    return {
        "total_tokens": given.total + made.total,
        "input_tokens": given.total,
        "output_tokens": made.total,
        "input_token_details": {
            "text_tokens": given.text,
            "audio_tokens": given.audio,
            "image_tokens": 0,
            "cached_tokens": known.total,
            "cached_tokens_details": {
                "text_tokens": known.text,
                "audio_tokens": known.audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": made.text, "audio_tokens": made.audio},
    }


def transcription_usage(audio_ms: int) -> dict[str, Any]:
    """A transcription's usage, by the second."""
    return {"type": "duration", "seconds": round(audio_ms / 1000, 3)}


@dataclass(slots=True)
class Meter:
    """What one session reads and writes, and what that leaves of its tokens a minute."""

    tokens_a_minute: int
    spent: int = 0
    seen: Tokens = Tokens()

    def read(self, context: Tokens, *, is_in_conversation: bool) -> Tokens:
        """A response reads all this; answers with the part that is cached."""
        known = cached(self.seen, context)
        self.spent += context.total
        if is_in_conversation:
            self.seen = context
        return known

    def rate_limits(self, max_output_tokens: object) -> list[dict[str, Any]]:
        """What `rate_limits.updated` says: a response reserves the most that it may write."""
        limit = self.tokens_a_minute
        wanted = max_output_tokens if type(max_output_tokens) is int else MOST_OUTPUT_TOKENS
        reserved = min(max(wanted, 0), MOST_OUTPUT_TOKENS)
        used = min(self.spent % limit + reserved, limit)
        return [
            {
                "name": "tokens",
                "limit": limit,
                "remaining": limit - used,
                "reset_seconds": round(used * 60 / limit, 3),
            }
        ]
