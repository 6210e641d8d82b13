"""What a provider's refusal or close means: whose fault, and whether to come back. PURE.

Fed with what was seen (an HTTP status, a close code, an error event), answers with the error to
raise. Provider text is only compared with the tables below and never passed on, since it can quote
the key: every `code` that leaves here is one of `CODES`. Sources: the provider's error and close
codes as observed, and the recoverable statuses and close codes of its official SDKs.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from backend.protocol.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)

Verdict = tuple[type[UpstreamError], str]

NAMED: dict[str, type[UpstreamError]] = {
    "account_deactivated": UpstreamRefused,
    "beta_api_shape_disabled": UpstreamRefused,
    "billing_hard_limit_reached": UpstreamRefused,
    "credit_balance_exhausted": UpstreamRefused,
    "insufficient_quota": UpstreamRefused,
    "invalid_api_key": UpstreamRefused,
    "model_not_found": UpstreamRefused,
    "inference_rate_limit_exceeded": UpstreamUnavailable,
    "rate_limit_exceeded": UpstreamUnavailable,
    "server_error": UpstreamUnavailable,
    "session_expired": UpstreamUnavailable,
    "invalid_request_error": UpstreamRefused,
}
"""The provider's own words, as an error's `code` or `type`. The last gives way to a status."""

STATUSES: dict[int, Verdict] = {
    401: (UpstreamRefused, "invalid_api_key"),
    403: (UpstreamRefused, "access_denied"),
    404: (UpstreamRefused, "model_not_found"),
    408: (UpstreamTimeout, "timed_out"),
    429: (UpstreamUnavailable, "rate_limit_exceeded"),
}
"""What an HTTP status says when the upgrade was refused and the body says nothing better."""

STATUS_CLASSES: dict[int, Verdict] = {
    2: (UpstreamFailed, "not_a_websocket"),
    3: (UpstreamRefused, "redirected"),
    4: (UpstreamRefused, "request_refused"),
    5: (UpstreamUnavailable, "server_error"),
}
"""The same by the status's first digit. A redirect is not followed: the key is for one host."""

CLOSES: dict[int, Verdict] = {
    1000: (UpstreamUnavailable, "connection_ended"),
    1001: (UpstreamUnavailable, "connection_ended"),
    1005: (UpstreamUnavailable, "connection_ended"),
    1006: (UpstreamFailed, "connection_lost"),
    1008: (UpstreamRefused, "request_refused"),
    1009: (UpstreamFailed, "frame_too_large"),
    1011: (UpstreamFailed, "server_error"),
    1012: (UpstreamUnavailable, "connection_ended"),
    1013: (UpstreamUnavailable, "connection_ended"),
    3000: (UpstreamRefused, "invalid_api_key"),
    3003: (UpstreamRefused, "access_denied"),
    4000: (UpstreamRefused, "request_refused"),
    4001: (UpstreamRefused, "invalid_api_key"),
    4003: (UpstreamRefused, "access_denied"),
}
"""What a close code says when its reason says nothing better; any other broke the protocol."""

CODES = frozenset(
    {
        *NAMED,
        *(code for table in (STATUSES, STATUS_CLASSES, CLOSES) for _, code in table.values()),
        "api_key_missing",
        "unreachable",
        "name_unknown",
        "tls_failed",
        "proxy_failed",
        "handshake_broken",
        "frame_binary",
        "first_event_unexpected",
        "stalled",
        "connection_broken",
        "error_event",
    }
)
"""Every `code` that an UpstreamError of this room can carry."""

_EXPIRED = re.compile(r"maximum duration|session_expired", re.IGNORECASE)
_TYPE_AND_CODE = re.compile(r"(?P<type>[a-z_]{1,64})\.(?P<code>[a-z_]{1,64})")


def of_status(status: int, retry_after: str | None, body: bytes) -> UpstreamError:
    """The upgrade was answered with `status`. The body is read for its error's name only."""
    kind, code = STATUSES.get(status) or STATUS_CLASSES.get(
        status // 100, (UpstreamFailed, "handshake_broken")
    )
    named = _named(_error_of(body))
    # A redirect's or a 5xx's body may come from a box in between that knows nothing of the key.
    if named is not None and status // 100 == 4 and named[1] != "invalid_request_error":
        kind, code = named
    return kind(code, status=status, retry_after_s=_seconds(retry_after))


def of_close(code: int, reason: str, *, was_ours: bool = False) -> UpstreamError:
    """The connection ended with this close code; 1005 for none, 1006 for a lost one.

    `was_ours` tells that this side sent the close: 1011 is then our own keepalive, unanswered.
    """
    if was_ours and code == 1011:
        return UpstreamFailed("stalled", status=code)
    if _EXPIRED.search(reason):
        return UpstreamUnavailable("session_expired", status=code)
    match = _TYPE_AND_CODE.fullmatch(reason) if code >= 3000 else None
    named = _named(match.groupdict()) if match else None
    kind, word = named or CLOSES.get(code, (UpstreamFailed, "connection_broken"))
    return kind(word, status=code)


def of_error_event(error: object) -> UpstreamError:
    """The first event was an `error` with this inside: upgraded, but not accepted."""
    named = _named(error) if isinstance(error, Mapping) else None
    kind, code = named or (UpstreamFailed, "error_event")
    return kind(code)


def _named(error: Mapping[str, Any] | None) -> Verdict | None:
    """The verdict by the error's own `code`, else its `type`; None when neither is known."""
    for key in ("code", "type"):
        word = (error or {}).get(key)
        if isinstance(word, str) and word in NAMED:
            return NAMED[word], word
    return None


def _error_of(body: bytes) -> Mapping[str, Any] | None:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return error if isinstance(error, dict) else None


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds, at most an hour; its date form, unused here, is None.

    Only the spaces and tabs that HTTP allows around a header's value are removed. `str.strip`
    without an argument also removes U+001F and its like, which `float` does not accept.
    """
    number = (retry_after or "").strip(" \t")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", number):
        return None
    return min(float(number), 3600.0)
