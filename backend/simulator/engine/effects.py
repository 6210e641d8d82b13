"""PURE: the effects that the engine returns for the server to carry out, and shared value types."""

from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["ja", "en"]
Event = dict[str, Any]
"""A parsed Realtime event, or a JSON object inside one."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: `caption` is its written form, `reading` its spoken form (kana in Japanese)."""

    caption: str
    reading: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """A whole reply; `caption` and `reading` as in `Sentence`."""

    caption: str
    reading: str
    language: Language


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the client."""

    event: Event


@dataclass(frozen=True, slots=True)
class Synthesise:
    """Synthesise speech from `reading`, then call `Engine.synthesised(response_id, pcm)`."""

    response_id: str
    reading: str
    language: Language
    voice: str


@dataclass(frozen=True, slots=True)
class Recognise:
    """Recognise the phrase in this PCM16 (mono, 24 kHz), then call `Engine.recognised`."""

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class CloseWebSocket:
    """Close the WebSocket with this code and reason."""

    code: int
    reason: str


Effect = Send | Synthesise | Recognise | CloseWebSocket
