"""The effects that `CallLogic` returns; `relay.call` carries them out in order. PURE.

Every frame makes one: a Struct of msgspec takes a fifth of the time of a frozen dataclass.
"""

import msgspec

from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import Turn
from backend.protocol.usage import Usage


class _Effect(msgspec.Struct, frozen=True, gc=False):
    """One thing to do."""


class ToClient(_Effect, frozen=True, gc=False):
    """Send this frame's text to the client."""

    text: str


class ToUpstream(_Effect, frozen=True, gc=False):
    """Send this frame's text to the provider."""

    text: str


class OpenNext(_Effect, frozen=True, gc=False):
    """Open the next connection to the provider after this many seconds."""

    after_s: float


class ToNext(_Effect, frozen=True, gc=False):
    """Send this frame's text to the provider on the next connection."""

    text: str


class DropNext(_Effect, frozen=True, gc=False):
    """Close the next connection, or stop opening it."""


class SwitchUpstream(_Effect, frozen=True, gc=False):
    """From now on the next connection is the call's; close the one before, if it is open."""


class DropUpstream(_Effect, frozen=True, gc=False):
    """The call's connection is lost: close it. Nothing is sent upstream until `SwitchUpstream`."""


class KeepTurn(_Effect, frozen=True, gc=False):
    """Store this turn; a later one with the same item and content index replaces it."""

    turn: Turn


class CountUsage(_Effect, frozen=True, gc=False):
    """Store this usage, once per source id."""

    usage: Usage


class LogEvent(_Effect, frozen=True, gc=False):
    """Write to the operator's log: a dotted event name and a code. Never content."""

    event: str
    code: str


class HangUp(_Effect, frozen=True, gc=False):
    """End the call. An effect before this one has sent `relay.closing` to the client."""

    ending: Ending


OtherEffect = (
    OpenNext
    | ToNext
    | DropNext
    | SwitchUpstream
    | DropUpstream
    | KeepTurn
    | CountUsage
    | LogEvent
    | HangUp
)
Effect = ToClient | ToUpstream | OtherEffect
