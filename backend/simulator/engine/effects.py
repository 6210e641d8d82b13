"""PURE: what the engine wants done: send an event, speak, understand a sound, hang up."""

from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["ja", "en"]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence of the script as it is read and as it is spoken."""

    caption: str
    reading: str


@dataclass(frozen=True, slots=True)
class Line:
    """What the assistant says: `caption` to read, `reading` to speak (kana in Japanese)."""

    caption: str
    reading: str
    language: Language


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the client."""

    event: Event


@dataclass(frozen=True, slots=True)
class Say:
    """Make speech of `reading`; the answer is `Engine.spoken(response_id, pcm)`."""

    response_id: str
    reading: str
    language: Language
    voice: str


@dataclass(frozen=True, slots=True)
class Understand:
    """Find out which phrase this PCM16 (24 kHz, mono) is; the answer is `Engine.understood`."""

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the WebSocket with this code and reason."""

    code: int
    reason: str


Effect = Send | Say | Understand | HangUp
