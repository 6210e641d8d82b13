"""What a call is about, decided before it opens: whose, in which language, told what, with what past."""

from dataclasses import dataclass
from typing import Literal

from backend.protocol.turns import Role


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Voice activity at the provider; times in milliseconds, threshold 0 to 1."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    silence_ms: int = 500
    prefix_ms: int = 300


@dataclass(frozen=True, slots=True)
class PastItem:
    """One earlier item of the session, as it is told to the model again: only what was heard."""

    item_id: str
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class CallPlan:
    """All that the switchboard needs to know about the call; ids as text."""

    call_id: str
    session_id: str
    language: Literal["ja", "en"]
    model: str
    voice: str
    instructions: str
    transcription_model: str
    turn_detection: TurnDetection
    past: tuple[PastItem, ...] = ()
    demo: bool = False
