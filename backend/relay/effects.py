"""The effects that `CallLogic` returns; `relay.call` carries them out in order. PURE."""

from dataclasses import dataclass

from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage


@dataclass(frozen=True, slots=True)
class ToClient:
    """Send this frame's text to the client."""

    text: str


@dataclass(frozen=True, slots=True)
class ToUpstream:
    """Send this frame's text to the provider."""

    text: str


@dataclass(frozen=True, slots=True)
class OpenNext:
    """Open the next connection to the provider after this many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class ToNext:
    """Send this frame's text to the provider on the next connection."""

    text: str


@dataclass(frozen=True, slots=True)
class DropNext:
    """Close the next connection, or stop opening it."""


@dataclass(frozen=True, slots=True)
class SwitchUpstream:
    """From now on the next connection is the call's; close the one before, if it is open."""


@dataclass(frozen=True, slots=True)
class DropUpstream:
    """The call's connection is lost: close it. Nothing is sent upstream until `SwitchUpstream`."""


@dataclass(frozen=True, slots=True)
class KeepTurn:
    """Store this turn; a later one with the same item and content index replaces it."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class CountUsage:
    """Store this usage, once per source id."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Write to the operator's log: a dotted event name and a code. Never content."""

    event: str
    code: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call. An effect before this one has sent `relay.closing` to the client."""

    ending: Ending


Effect = (
    ToClient
    | ToUpstream
    | OpenNext
    | ToNext
    | DropNext
    | SwitchUpstream
    | DropUpstream
    | KeepTurn
    | CountUsage
    | LogEvent
    | HangUp
)
