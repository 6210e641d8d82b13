"""What `Conversation` wants done, as values. Pure."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage


class PartKey(NamedTuple):
    """One content part of one item."""

    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Sound that was cut off; `heard_ms` is what had left the loudspeaker."""

    part: PartKey
    heard_ms: int
    was_all_heard: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Play:
    """Play this sound (24 kHz, mono, 16 bit) after all earlier sound."""

    part: PartKey
    pcm: bytes


@dataclass(frozen=True, slots=True)
class EndSound:
    """No more sound comes for this part."""

    part: PartKey


@dataclass(frozen=True, slots=True)
class CutSound:
    """Stop the loudspeaker now, and report what was heard with `Conversation.cut`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """This turn is final; each turn is reported once, in spoken order."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Answered:
    """A response has ended; `usage` is None where the provider sent none."""

    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the person. `message` is the server's sentence, or empty."""

    code: str
    message: str = ""


Effect = Send | Play | EndSound | CutSound | Finished | Answered | Notice
