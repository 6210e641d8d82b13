"""PURE: mishaps: the faults that can be injected on request, their fields, and their HTTP errors.

A mishap applies to the next `times` calls (0: to every call until mishaps are cleared), or with
`"calls": "running"` to the calls that are open now. On an open connection it happens when `count`
events of the type `after` have been sent; `fault_injection` has a default for each kind.

A request of the REST API counts as a call too. `api` limits a mishap to calls ("realtime") or to
one kind of request; without it, it applies to whichever comes next, except to those of
`NAMED_ONLY_APIS`. Requests that start no session leave the mishaps that only a session can have
(`REALTIME_ONLY_KINDS`) to the next call.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, get_args

from backend.simulator.engine import text_response
from backend.simulator.engine.outbox import SERVER_EVENT_TYPES

FAKE_KEY = "sk-proj-SIMULATED0123456789abcdefghijklmnop"
"""In HTTP errors where the provider quotes the API key, so that redaction can be tested."""


Api = Literal[
    "realtime",
    "responses",
    "transcriptions",
    "client_secrets",
    "calls",
    "sideband",
    "hangup",
]
"""`realtime`: calls over WebSocket. `calls`: those over WebRTC; `sideband`: the WebSockets to them;
`hangup`: the requests that end them."""
APIS: tuple[Api, ...] = get_args(Api)
NAMED_ONLY_APIS = frozenset[Api]({"client_secrets", "sideband", "hangup"})
"""A mishap applies to these only if it names them: they accompany the call it is meant for."""
SESSION_APIS = frozenset[Api]({"realtime", "calls", "sideband"})
"""What has a session."""


class Kind(StrEnum):
    """The kinds of mishap."""

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
    LOST_TRANSCRIPTS = "lost_transcripts"
    EMPTY_TRANSCRIPTS = "empty_transcripts"
    NO_ANSWER = "no_answer"
    LEAVE_OUT = "leave_out"


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
    Kind.LOST_TRANSCRIPTS: "never sends the next `count` transcripts",
    Kind.EMPTY_TRANSCRIPTS: "sends the next `count` transcripts without a word",
    Kind.NO_ANSWER: "begins no response for the next `count` turns or requests",
    Kind.LEAVE_OUT: "does not send the next `count` events of the type `after` (response.done)",
}

REALTIME_ONLY_KINDS = frozenset(
    {
        Kind.EXPIRE,
        Kind.REFUSE_UPDATE,
        Kind.LATE_TRANSCRIPTS,
        Kind.LOST_TRANSCRIPTS,
        Kind.EMPTY_TRANSCRIPTS,
        Kind.NO_ANSWER,
    }
)
"""The kinds without a meaning for a REST request."""
HANDSHAKE_KINDS = frozenset({Kind.REFUSE, Kind.HANG, Kind.REDIRECT})
ENGINE_FAULT_COUNTERS = {
    Kind.RATE_LIMIT: "rate_limited_responses",
    Kind.REFUSE_UPDATE: "refused_updates",
    Kind.LATE_TRANSCRIPTS: "late_transcripts",
    Kind.LOST_TRANSCRIPTS: "lost_transcripts",
    Kind.EMPTY_TRANSCRIPTS: "empty_transcripts",
    Kind.NO_ANSWER: "unanswered_turns",
}
"""The counter of `engine.InjectedFaults` that each of these kinds raises."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """One fault to inject; `MEANINGS` names the fields that a kind uses."""

    kind: Kind
    calls: Literal["next", "running"] = "next"
    api: Api | None = None
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


MAX_REASON_BYTES = 123
"""A close frame holds 125 bytes; two of them are the code."""
_EVENT_TYPES = SERVER_EVENT_TYPES | text_response.EVENT_TYPES
_CLOSE_CODES = ((1000, 1003), (1007, 1014), (3000, 4999))
"""The codes that may be sent: 1004 is reserved; 1005, 1006 and 1015 are never in a frame."""

Rule = tuple[Callable[[Any], bool], str]
"""A predicate for a field's value, and its description for the error message."""


def _whole(low: int, high: int) -> Rule:
    return (
        lambda value: type(value) is int and low <= value <= high,
        f"a whole number from {low} to {high}",
    )


def _number(low: float, high: float) -> Rule:
    return (
        # A comparison with NaN is false, so NaN is refused too.
        lambda value: type(value) in (int, float) and low <= value <= high,
        f"a number from {low:g} to {high:g}",
    )


def _is_reason(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value.encode()) <= MAX_REASON_BYTES
    except UnicodeEncodeError:  # A lone surrogate, which JSON can hold.
        return False


def _is_visible_ascii(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[!-~]{1,2000}", value) is not None


def _is_close_code(value: Any) -> bool:
    return type(value) is int and any(low <= value <= high for low, high in _CLOSE_CODES)


RULES: dict[str, Rule] = {
    "calls": (lambda value: value in ("next", "running"), '"next" or "running"'),
    "api": (
        lambda value: isinstance(value, str) and value in APIS,
        "one of " + ", ".join(f'"{api}"' for api in APIS),
    ),
    "times": _whole(0, 10_000),
    "after": (
        lambda value: isinstance(value, str) and value in _EVENT_TYPES,
        "an event type that the simulator sends: " + ", ".join(sorted(_EVENT_TYPES)),
    ),
    "count": _whole(1, 10_000),
    "status": _whole(400, 599),
    "retry_after_s": _whole(0, 86_400),
    "location": (_is_visible_ascii, "a URL of 1 to 2000 visible ASCII characters"),
    "code": (
        _is_close_code,
        "a close code that may be sent: "
        + ", ".join(f"{low} to {high}" for low, high in _CLOSE_CODES),
    ),
    "reason": (_is_reason, f"a text of at most {MAX_REASON_BYTES} bytes in UTF-8"),
    "bytes": _whole(0, 64 * 1024 * 1024),
    "delay_s": _number(0, 60),
    "no_pong": (lambda value: isinstance(value, bool), "true or false"),
}
"""By field of `Mishap`; `kind` is checked separately."""


def parse_mishap(given: object) -> Mishap:
    """Parse a JSON object. Raises ValueError; its message says what to write."""
    if not isinstance(given, dict) or given.get("kind") not in list(Kind):
        raise ValueError("Write an object with a kind: " + ", ".join(Kind) + ".")
    for name, value in given.items():
        if name == "kind":
            continue
        if name not in RULES:
            known = ", ".join(sorted({*RULES, "kind"}))
            raise ValueError(f"Unknown field {name}; known are: {known}.")
        is_valid, expected = RULES[name]
        if not is_valid(value):
            raise ValueError(f"The field {name} must be {expected}.")
    return Mishap(**{**given, "kind": Kind(given["kind"])})


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """An HTTP response in place of the WebSocket upgrade."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


_HTTP_ERRORS: dict[int, tuple[str, str, str]] = {
    401: (
        "invalid_request_error",
        "invalid_api_key",
        f"Incorrect API key provided: {FAKE_KEY}. You can find your API key at the dashboard.",
    ),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        f"Project of {FAKE_KEY} does not have access to the model, or the region is unsupported.",
    ),
    404: (
        "invalid_request_error",
        "model_not_found",
        f"The model does not exist or {FAKE_KEY} does not have access to it.",
    ),
    429: (
        "requests",
        "rate_limit_exceeded",
        f"Rate limit reached for {FAKE_KEY} on requests per min. Please try again later.",
    ),
    500: ("server_error", "server_error", f"The server had an error (request by {FAKE_KEY})."),
    503: ("server_error", "overloaded", f"The engine is overloaded (request by {FAKE_KEY})."),
}


def error_body(type: str, code: str | None, message: str, param: str | None = None) -> str:
    """An error body in the provider's HTTP format."""
    error = {"message": message, "type": type, "param": param, "code": code}
    return json.dumps({"error": error})


def http_refusal(mishap: Mishap) -> HttpRefusal:
    """The HTTP response for a mishap of the kind `refuse` or `redirect`."""
    if mishap.kind is Kind.REDIRECT:
        return HttpRefusal(302, "", (("Location", mishap.location),))
    known = _HTTP_ERRORS.get(mishap.status, _HTTP_ERRORS[500 if mishap.status >= 500 else 401])
    retry = mishap.retry_after_s
    if retry is None and mishap.status == 429:
        retry = 7
    headers = () if retry is None else (("Retry-After", str(retry)),)
    return HttpRefusal(mishap.status, error_body(*known), headers)


def _applies_to(mishap: Mishap, api: Api) -> bool:
    if mishap.api is None:
        is_possible = api in SESSION_APIS or mishap.kind not in REALTIME_ONLY_KINDS
        return is_possible and api not in NAMED_ONLY_APIS
    return mishap.api == api


@dataclass(slots=True)
class PendingMishaps:
    """The mishaps for the next calls."""

    pending: list[Mishap] = field(default_factory=list)

    def add(self, mishap: Mishap) -> None:
        """Add a mishap for the next calls."""
        self.pending.append(mishap)

    def clear(self) -> None:
        """Remove all mishaps for the next calls."""
        self.pending.clear()

    def take_for_next_call(self, api: Api = "realtime") -> Sequence[Mishap]:
        """The mishaps of a call or request that starts now; reduces the `times` of each by one."""
        mishaps_of_call = [each for each in self.pending if _applies_to(each, api)]
        remaining: list[Mishap] = []
        for mishap in self.pending:
            if mishap.times == 0 or not _applies_to(mishap, api):
                remaining.append(mishap)
            elif mishap.times > 1:
                remaining.append(replace(mishap, times=mishap.times - 1))
        self.pending = remaining
        return mishaps_of_call
