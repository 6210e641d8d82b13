"""PURE: what goes wrong on request, as values: at the door, on the line, or in the engine.

A mishap befalls the next `times` calls (0: every one until they are cleared), or with
`"calls": "running"` those that are open now. On the line it strikes when so many (`count`) events
of the type `after` have been sent; each kind has its own usual moment.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from backend.simulator.engine.outbox import EMITTED

KEY_LIKE = "sk-proj-SIMULATED0123456789abcdefghijklmnop"
"""Stands in refusals where the provider would quote the key, so that redaction can be tested."""


class Kind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    HANG = "hang"
    REDIRECT = "redirect"
    SILENT = "silent"
    INVALID_KEY = "invalid_key"
    STALL = "stall"
    DROP = "drop"
    CLOSE = "close"
    GARBAGE = "garbage"
    OVERSIZED = "oversized"
    DUPLICATE = "duplicate"
    SLOW = "slow"
    EXPIRE = "expire"
    RATE_LIMIT = "rate_limit"
    REFUSE_UPDATE = "refuse_update"
    LATE_TRANSCRIPTS = "late_transcripts"


MEANINGS: dict[Kind, str] = {
    Kind.REFUSE: "refuses the upgrade with `status` (400 to 599) and `retry_after_s`",
    Kind.HANG: "takes the connection and never answers the handshake",
    Kind.REDIRECT: "answers the handshake with 302 to `location`",
    Kind.SILENT: "opens, and never sends anything",
    Kind.INVALID_KEY: "opens, sends the error invalid_api_key, closes 3000",
    Kind.STALL: "stops sending; with `no_pong`, stops reading too",
    Kind.DROP: "cuts the TCP connection",
    Kind.CLOSE: "closes with `code` and `reason`",
    Kind.GARBAGE: "sends broken JSON, a list, an object without type, and a binary frame",
    Kind.OVERSIZED: "sends an event of `bytes` bytes",
    Kind.DUPLICATE: "sends every event twice",
    Kind.SLOW: "waits `delay_s` before every event",
    Kind.EXPIRE: "ends the session as at its maximum duration",
    Kind.RATE_LIMIT: "fails the next `count` responses with rate_limit_exceeded",
    Kind.REFUSE_UPDATE: "refuses the next `count` session.update",
    Kind.LATE_TRANSCRIPTS: "sends the next `count` transcripts after the answer",
}

AT_THE_DOOR = frozenset({Kind.REFUSE, Kind.HANG, Kind.REDIRECT})
IN_THE_ENGINE = {
    Kind.RATE_LIMIT: "rate_limited_responses",
    Kind.REFUSE_UPDATE: "refused_updates",
    Kind.LATE_TRANSCRIPTS: "late_transcripts",
}
"""The counter in `engine.Troubles` that each of these raises."""

_USUAL_MOMENT: dict[Kind, tuple[str, int]] = {
    Kind.STALL: ("response.output_audio.delta", 3),
    Kind.DROP: ("response.output_audio.delta", 3),
    Kind.CLOSE: ("response.output_audio.delta", 3),
    Kind.GARBAGE: ("session.updated", 1),
    Kind.OVERSIZED: ("session.updated", 1),
    Kind.EXPIRE: ("response.done", 1),
}
_ALL_ALONG = frozenset({Kind.DUPLICATE, Kind.SLOW})


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong; see `MEANINGS` for which fields a kind uses."""

    kind: Kind
    calls: Literal["next", "running"] = "next"
    times: int = 1
    after: str | None = None
    count: int | None = None
    status: int = 503
    retry_after_s: int | None = None
    location: str = "https://elsewhere.example/v1/realtime"
    code: int = 1011
    reason: str = "The server had an error while processing your request."
    bytes: int = 4 * 1024 * 1024
    delay_s: float = 0.25
    no_pong: bool = False


MOST_REASON_BYTES = 123
"""A close frame holds 125 bytes, two of them the code."""
_CLOSE_CODES = ((1000, 1003), (1007, 1014), (3000, 4999))
"""Those that may be sent: 1004 is reserved; 1005, 1006 and 1015 never travel."""

Rule = tuple[Callable[[Any], bool], str]
"""What a field's value must be: how to tell, and how to say it."""


def _whole(low: int, high: int) -> Rule:
    return (
        lambda value: type(value) is int and low <= value <= high,
        f"a whole number from {low} to {high}",
    )


def _number(low: float, high: float) -> Rule:
    return (
        # A comparison with NaN is false, so this refuses it too.
        lambda value: type(value) in (int, float) and low <= value <= high,
        f"a number from {low:g} to {high:g}",
    )


def _is_reason(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value.encode()) <= MOST_REASON_BYTES
    except UnicodeEncodeError:  # Half a surrogate pair, which JSON can write.
        return False


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[!-~]{1,2000}", value) is not None


def _is_close_code(value: Any) -> bool:
    return type(value) is int and any(low <= value <= high for low, high in _CLOSE_CODES)


RULES: dict[str, Rule] = {
    "calls": (lambda value: value in ("next", "running"), '"next" or "running"'),
    "times": _whole(0, 10_000),
    "after": (
        lambda value: isinstance(value, str) and value in EMITTED,
        "an event type that the simulator sends: " + ", ".join(sorted(EMITTED)),
    ),
    "count": _whole(1, 10_000),
    "status": _whole(400, 599),
    "retry_after_s": _whole(0, 86_400),
    "location": (_is_place, "a URL of 1 to 2000 visible ASCII characters"),
    "code": (
        _is_close_code,
        "a close code that may be sent: "
        + ", ".join(f"{low} to {high}" for low, high in _CLOSE_CODES),
    ),
    "reason": (_is_reason, f"a text of at most {MOST_REASON_BYTES} bytes in UTF-8"),
    "bytes": _whole(0, 64 * 1024 * 1024),
    "delay_s": _number(0, 60),
    "no_pong": (lambda value: isinstance(value, bool), "true or false"),
}
"""By field of a `Mishap`, save its kind."""


def mishap_of(given: object) -> Mishap:
    """The mishap that a JSON object describes. Raises ValueError, with what to write."""
    if not isinstance(given, dict) or given.get("kind") not in list(Kind):
        raise ValueError("Write an object with a kind: " + ", ".join(Kind) + ".")
    for name, value in given.items():
        if name == "kind":
            continue
        if name not in RULES:
            known = ", ".join(sorted({*RULES, "kind"}))
            raise ValueError(f"Unknown field {name}; known are: {known}.")
        fits, wanted = RULES[name]
        if not fits(value):
            raise ValueError(f"The field {name} is {wanted}.")
    return Mishap(**{**given, "kind": Kind(given["kind"])})


# ── At the door ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of the upgrade."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


_REFUSALS: dict[int, tuple[str, str, str]] = {
    401: (
        "invalid_request_error",
        "invalid_api_key",
        f"Incorrect API key provided: {KEY_LIKE}. You can find your API key at the dashboard.",
    ),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        f"Project of {KEY_LIKE} does not have access to the model, or the region is unsupported.",
    ),
    404: (
        "invalid_request_error",
        "model_not_found",
        f"The model does not exist or {KEY_LIKE} does not have access to it.",
    ),
    429: (
        "requests",
        "rate_limit_exceeded",
        f"Rate limit reached for {KEY_LIKE} on requests per min. Please try again later.",
    ),
    500: ("server_error", "server_error", f"The server had an error (request by {KEY_LIKE})."),
    503: ("server_error", "overloaded", f"The engine is overloaded (request by {KEY_LIKE})."),
}


def error_body(type: str, code: str | None, message: str) -> str:
    """An error as the provider's HTTP writes it."""
    error = {"message": message, "type": type, "param": None, "code": code}
    return json.dumps({"error": error})


def refusal_of(mishap: Mishap) -> Refusal:
    """The HTTP answer of a `refuse` or a `redirect`."""
    if mishap.kind is Kind.REDIRECT:
        return Refusal(302, "", (("Location", mishap.location),))
    known = _REFUSALS.get(mishap.status, _REFUSALS[500 if mishap.status >= 500 else 401])
    retry = mishap.retry_after_s
    if retry is None and mishap.status == 429:
        retry = 7
    headers = () if retry is None else (("Retry-After", str(retry)),)
    return Refusal(mishap.status, error_body(*known), headers)


# ── On the line ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this message, text or binary."""

    message: str | bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next act."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing any more; `no_pong`: read nothing either."""

    no_pong: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Cut the TCP connection."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the WebSocket."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Let the engine end the session."""


Act = Transmit | Wait | Stall | Drop | Close | Expire


def _garbage() -> list[Act]:
    return [
        Transmit('{"type": "response.output_audio.delta", "delta": '),
        Transmit('["not", "an", "object"]'),
        Transmit('{"event_id": "event_without_type"}'),
        Transmit(b"\x00\x01\x02\x03"),
    ]


def _invalid_key() -> list[Act]:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_api_key",
        "message": f"Incorrect API key provided: {KEY_LIKE}.",
        "param": None,
        "event_id": None,
    }
    event = {"type": "error", "event_id": "event_refused", "error": error}
    return [
        Transmit(json.dumps(event)),
        Close(3000, "invalid_request_error.invalid_api_key"),
    ]


def _oversized(size: int) -> list[Act]:
    event = {"type": "conversation.item.deleted", "event_id": "event_large", "item_id": "item_no"}
    rest = max(size - len(json.dumps({**event, "padding": ""})), 0)
    return [Transmit(json.dumps({**event, "padding": "x" * rest}))]


def acts_of(mishap: Mishap) -> list[Act]:
    """What a mishap does when it strikes."""
    made: dict[Kind, list[Act]] = {
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
class Sabotage:
    """Stands between the engine and the line of one call."""

    all_along: list[Mishap] = field(default_factory=list)
    at_open: list[Mishap] = field(default_factory=list)
    waiting: list[tuple[Mishap, str, int]] = field(default_factory=list)

    def add(self, mishap: Mishap, *, is_open: bool) -> list[Act]:
        """Prepares a mishap; answers with what is to be done at once on a line that is open."""
        if mishap.kind in _ALL_ALONG:
            self.all_along.append(mishap)
            return []
        if mishap.after is not None:
            self.waiting.append((mishap, mishap.after, mishap.count or 1))
        elif is_open:
            return acts_of(mishap)
        elif mishap.kind in _USUAL_MOMENT:
            after, count = _USUAL_MOMENT[mishap.kind]
            self.waiting.append((mishap, after, mishap.count or count))
        else:
            self.at_open.append(mishap)
        return []

    def opening(self) -> list[Act]:
        """What happens before the first event."""
        return [act for mishap in self.at_open for act in acts_of(mishap)]

    def sending(self, event_type: str, text: str) -> list[Act]:
        """What happens instead of sending this event."""
        acts: list[Act] = [Transmit(text)]
        for mishap in self.all_along:
            is_twice = mishap.kind is Kind.DUPLICATE
            acts = acts * 2 if is_twice else [Wait(mishap.delay_s), *acts]
        for waiting in list(self.waiting):
            mishap, after, count = waiting
            if after == event_type:
                self.waiting.remove(waiting)
                if count > 1:
                    self.waiting.append((mishap, after, count - 1))
                else:
                    acts += acts_of(mishap)
        return acts


@dataclass(slots=True)
class Plan:
    """The mishaps that wait for the next calls."""

    pending: list[Mishap] = field(default_factory=list)

    def add(self, mishap: Mishap) -> None:
        """Waits for the next call."""
        self.pending.append(mishap)

    def clear(self) -> None:
        """Nothing goes wrong any more for calls to come."""
        self.pending.clear()

    def for_next_call(self) -> Sequence[Mishap]:
        """What befalls the call that begins now; one time each is used up."""
        befalls = list(self.pending)
        left: list[Mishap] = []
        for mishap in befalls:
            if mishap.times == 0:
                left.append(mishap)
            elif mishap.times > 1:
                left.append(replace(mishap, times=mishap.times - 1))
        self.pending = left
        return befalls
