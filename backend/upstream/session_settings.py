"""How a session behaves, as neutral values; each provider builds its configuration from them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Voice activity detection at the provider. Times in milliseconds, `threshold` 0 to 1."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    silence_ms: int = 500
    prefix_ms: int = 300


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How the provider's session behaves; `transcription_model` transcribes the user's speech.

    `truncation` is what happens when the context is full: `auto` (the provider's default),
    `disabled`, or the part of the context to keep, 0 to 1.
    """

    instructions: str
    voice: str
    transcription_model: str
    turn_detection: TurnDetection
    truncation: str | float = "auto"
