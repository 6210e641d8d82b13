"""PURE: token counts for usage and rate limits, plausible but not the provider's exact numbers.

One token per 100 ms of user audio and one per 50 ms of assistant audio. Each response counts the
whole conversation as input again; the part that the previous response also read is reported as
cached, in blocks of 64 as in the provider's own example (protocol §6).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

CACHE_BLOCK_TOKENS = 64
MAX_OUTPUT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Tokens:
    """A number of text tokens and of audio tokens."""

    text: int = 0
    audio: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.text + other.text, self.audio + other.audio)

    @property
    def total(self) -> int:
        return self.text + self.audio


def text_tokens(text: str) -> Tokens:
    """About one token for four Latin letters, and one for each Japanese character."""
    wide = sum(1 for character in text if ord(character) > 0x2E7F)
    return Tokens(text=wide + ceil((len(text) - wide) / 4))


def user_audio_tokens(ms: int) -> Tokens:
    """The tokens of so many milliseconds of user audio."""
    return Tokens(audio=ceil(ms / 100))


def assistant_audio_tokens(ms: int) -> Tokens:
    """The tokens of so many milliseconds of assistant audio."""
    return Tokens(audio=ceil(ms / 50))


def sum_tokens(parts: Iterable[Tokens]) -> Tokens:
    """The sum, text and audio apart."""
    return sum(parts, start=Tokens())


def cached_tokens(previous_input: Tokens, current_input: Tokens) -> Tokens:
    """The part of the current input that the previous response also read, in whole blocks."""
    block = CACHE_BLOCK_TOKENS
    return Tokens(
        min(previous_input.text, current_input.text) // block * block,
        min(previous_input.audio, current_input.audio) // block * block,
    )


def response_usage(all_input: Tokens, cached: Tokens, output: Tokens) -> dict[str, Any]:
    """The `usage` of a `response.done`; `cached` is the cached part of `all_input`."""
    return {
        "total_tokens": all_input.total + output.total,
        "input_tokens": all_input.total,
        "output_tokens": output.total,
        "input_token_details": {
            "text_tokens": all_input.text,
            "audio_tokens": all_input.audio,
            "image_tokens": 0,
            "cached_tokens": cached.total,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    }


def transcription_usage(audio_ms: int) -> dict[str, Any]:
    """The `usage` of a completed transcription, in seconds."""
    return {"type": "duration", "seconds": round(audio_ms / 1000, 3)}


@dataclass(slots=True)
class TokenMeter:
    """Counts one session's tokens against its limit per minute."""

    tokens_a_minute: int
    spent: int = 0
    previous_input: Tokens = Tokens()

    def count_input(self, all_input: Tokens, *, is_in_conversation: bool) -> Tokens:
        """Count the input of a response; return its cached part."""
        cached = cached_tokens(self.previous_input, all_input)
        self.spent += all_input.total
        if is_in_conversation:
            self.previous_input = all_input
        return cached

    def rate_limits(self, max_output_tokens: object) -> list[dict[str, Any]]:
        """The `rate_limits` of `rate_limits.updated`: a response reserves its maximum output."""
        limit = self.tokens_a_minute
        wanted = max_output_tokens if type(max_output_tokens) is int else MAX_OUTPUT_TOKENS
        reserved = min(max(wanted, 0), MAX_OUTPUT_TOKENS)
        used = min(self.spent % limit + reserved, limit)
        return [
            {
                "name": "tokens",
                "limit": limit,
                "remaining": limit - used,
                "reset_seconds": round(used * 60 / limit, 3),
            }
        ]
