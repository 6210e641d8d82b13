"""PURE: injects mishaps into the messages of one connection: delays, duplicates, drops, closes.

It decides; `server` carries out the actions. Mishaps of the handshake and of the engine are not
handled here (`mishaps.HANDSHAKE_KINDS`, `mishaps.ENGINE_FAULT_COUNTERS`).
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.simulator.engine.mishaps import FAKE_KEY, Kind, Mishap

_DEFAULT_TRIGGERS: dict[Kind, tuple[str, int]] = {
    Kind.STALL: ("response.output_audio.delta", 3),
    Kind.DROP: ("response.output_audio.delta", 3),
    Kind.CLOSE: ("response.output_audio.delta", 3),
    Kind.GARBAGE: ("session.updated", 1),
    Kind.OVERSIZED: ("session.updated", 1),
    Kind.EXPIRE: ("response.done", 1),
}
"""When a kind happens if the mishap has no `after`: the event type and its count."""

WEBRTC_TRIGGERS: dict[Kind, tuple[str, int]] = {
    **_DEFAULT_TRIGGERS,
    Kind.STALL: ("output_audio_buffer.started", 1),
    Kind.DROP: ("output_audio_buffer.started", 1),
    Kind.CLOSE: ("output_audio_buffer.started", 1),
}
"""The same for a WebRTC call and for its sidebands, whose events have no audio."""

TEXT_STREAM_TRIGGERS: dict[Kind, tuple[str, int]] = {
    Kind.STALL: ("response.output_text.delta", 3),
    Kind.DROP: ("response.output_text.delta", 3),
    Kind.CLOSE: ("response.output_text.delta", 3),
    Kind.GARBAGE: ("response.output_text.delta", 1),
    Kind.OVERSIZED: ("response.created", 1),
}
"""The same for a streamed `POST /v1/responses`."""

_CONTINUOUS = frozenset({Kind.DUPLICATE, Kind.SLOW})


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this message: a str as a text frame, bytes as a binary frame."""

    message: str | bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next action."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Stop sending; `no_pong`: stop reading too, so that pings get no pong."""

    no_pong: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Abort the TCP connection."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the WebSocket with this code and reason."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """End the session as at its maximum duration."""


ConnectionAction = Transmit | Wait | Stall | Drop | Close | Expire


def _garbage() -> list[ConnectionAction]:
    return [
        Transmit('{"type": "response.output_audio.delta", "delta": '),
        Transmit('["not", "an", "object"]'),
        Transmit('{"event_id": "event_without_type"}'),
        Transmit(b"\x00\x01\x02\x03"),
    ]


def _invalid_key() -> list[ConnectionAction]:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_api_key",
        "message": f"Incorrect API key provided: {FAKE_KEY}.",
        "param": None,
        "event_id": None,
    }
    event = {"type": "error", "event_id": "event_refused", "error": error}
    return [
        Transmit(json.dumps(event)),
        Close(3000, "invalid_request_error.invalid_api_key"),
    ]


def _oversized(size: int) -> list[ConnectionAction]:
    event = {"type": "conversation.item.deleted", "event_id": "event_large", "item_id": "item_no"}
    rest = max(size - len(json.dumps({**event, "padding": ""})), 0)
    return [Transmit(json.dumps({**event, "padding": "x" * rest}))]


def actions_of(mishap: Mishap) -> list[ConnectionAction]:
    """The actions of a mishap at the moment it happens; [] for the other kinds."""
    made: dict[Kind, list[ConnectionAction]] = {
        Kind.SILENT: [Stall(no_pong=False)],
        Kind.STALL: [Stall(mishap.no_pong)],
        Kind.DROP: [Drop()],
        Kind.CLOSE: [Close(mishap.code, mishap.reason)],
        Kind.EXPIRE: [Expire()],
    }
    if mishap.kind is Kind.GARBAGE:
        return _garbage()
    if mishap.kind is Kind.OVERSIZED:
        return _oversized(mishap.bytes)
    if mishap.kind is Kind.INVALID_KEY:
        return _invalid_key()
    return made.get(mishap.kind, [])


@dataclass(slots=True)
class FaultInjector:
    """One call's mishaps; turns each message to send into the actions to take in its place.

    `continuous`: change every message. `at_open`: happen before the first event. `armed`: each
    happens when its count of events of the type has been sent. `default_triggers`: when a kind
    happens if its mishap does not say so. `left_out`: how many of the next events of a type are not
    sent.
    """

    continuous: list[Mishap] = field(default_factory=list)
    at_open: list[Mishap] = field(default_factory=list)
    armed: list[tuple[Mishap, str, int]] = field(default_factory=list)
    default_triggers: Mapping[Kind, tuple[str, int]] = field(
        default_factory=lambda: _DEFAULT_TRIGGERS
    )
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, mishap: Mishap, *, is_open: bool) -> list[ConnectionAction]:
        """Register a mishap; return the actions to take now (only if the connection `is_open`)."""
        if mishap.kind in _CONTINUOUS:
            self.continuous.append(mishap)
            return []
        if mishap.kind is Kind.LEAVE_OUT:
            self.left_out[mishap.after or "response.done"] += mishap.count or 1
            return []
        if mishap.after is not None:
            self.armed.append((mishap, mishap.after, mishap.count or 1))
        elif is_open:
            return actions_of(mishap)
        elif mishap.kind in self.default_triggers:
            after, count = self.default_triggers[mishap.kind]
            self.armed.append((mishap, after, mishap.count or count))
        else:
            self.at_open.append(mishap)
        return []

    def actions_at_open(self) -> list[ConnectionAction]:
        """The actions before the first event."""
        return [action for mishap in self.at_open for action in actions_of(mishap)]

    def actions_for(self, event_type: str, text: str) -> list[ConnectionAction]:
        """The actions in place of sending this event, whose JSON is `text`; [] to leave it out."""
        if self.left_out[event_type] > 0:
            self.left_out[event_type] -= 1
            return []
        actions: list[ConnectionAction] = [Transmit(text)]
        for mishap in self.continuous:
            is_twice = mishap.kind is Kind.DUPLICATE
            actions = actions * 2 if is_twice else [Wait(mishap.delay_s), *actions]
        for entry in list(self.armed):
            mishap, after, count = entry
            if after == event_type:
                self.armed.remove(entry)
                if count > 1:
                    self.armed.append((mishap, after, count - 1))
                else:
                    actions += actions_of(mishap)
        return actions
