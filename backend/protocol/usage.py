"""Tokens and seconds that the provider bills, read from the events that carry them.

Source: protocol section 6. Every count may be missing; a missing count is 0 tokens, a missing
`usage` is no Usage at all. Cached tokens are a subset of their modality's count.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Usage:
    """What one response or one transcription cost, in tokens or in seconds of audio.

    `source_id` is the response's id or the transcribed item's id: counting twice is harmless.
    `model` is None where the event does not name it (the call knows).
    """

    source_id: str
    kind: Literal["response", "transcription"]
    text_in: int = 0
    text_in_cached: int = 0
    audio_in: int = 0
    audio_in_cached: int = 0
    image_in: int = 0
    image_in_cached: int = 0
    text_out: int = 0
    audio_out: int = 0
    seconds: float = 0.0
