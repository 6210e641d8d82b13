"""What an HTTP status or a close code of the provider means: the UpstreamError to raise. PURE.

Where the provider also names its error, the name decides (`backend.protocol.provider_errors`).
Provider text is only compared with tables and never passed on, since it can quote the key: every
`code` that leaves here is an `UpstreamCode`. Sources: the provider's statuses and close codes as
observed, and those that its official SDKs treat as recoverable.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from backend.protocol.endings import Ending
from backend.protocol.errors import (
    UpstreamCode,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.protocol.provider_errors import opening_failure

Failure = tuple[type[UpstreamError], UpstreamCode]

STATUSES: Mapping[int, Failure] = {
    401: (UpstreamRefused, "invalid_api_key"),
    403: (UpstreamRefused, "access_denied"),
    404: (UpstreamRefused, "model_not_found"),
    408: (UpstreamTimeout, "timed_out"),
    429: (UpstreamUnavailable, "rate_limit_exceeded"),
}
"""By the HTTP status of a refused upgrade, where the body names no error."""

STATUS_CLASSES: Mapping[int, Failure] = {
    2: (UpstreamFailed, "not_a_websocket"),
    3: (UpstreamRefused, "redirected"),
    4: (UpstreamRefused, "request_refused"),
    5: (UpstreamUnavailable, "server_error"),
}
"""The same by the status's first digit. A redirect is not followed: the key is for one host."""

CLOSES: Mapping[int, Failure] = {
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
"""By the close code, where the reason names no error; any other code broke the protocol."""

_CLASS_OF: Mapping[Ending, type[UpstreamError]] = {
    error.ending: error
    for error in (UpstreamRefused, UpstreamUnavailable, UpstreamTimeout, UpstreamFailed)
}

_EXPIRED = re.compile(r"maximum duration|session_expired", re.IGNORECASE)
_TYPE_AND_CODE = re.compile(r"(?P<type>[a-z_]{1,64})\.(?P<code>[a-z_]{1,64})")


def of_status(status: int, retry_after: str | None, body: bytes) -> UpstreamError:
    """The error for an upgrade that was answered with `status`.

    `retry_after` is that header; `body` is read for the name of its error only.
    """
    kind, code = STATUSES.get(status) or STATUS_CLASSES.get(
        status // 100, (UpstreamFailed, "handshake_broken")
    )
    named = _named(_error_of(body))
    # A redirect's or a 5xx's body may come from a box in between that knows nothing of the key.
    if named is not None and status // 100 == 4 and named[1] != "invalid_request_error":
        kind, code = named
    return kind(code, status=status, retry_after_s=_seconds(retry_after))


def of_close(code: int, reason: str, *, was_ours: bool = False) -> UpstreamError:
    """The error for a connection that ended with this close code; 1005 for none, 1006 if lost.

    `was_ours`: this side sent the close; 1011 then means that our own keepalive got no answer.
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
    """The error for a first event `error` with this inside: upgraded, but not accepted."""
    named = _named(error) if isinstance(error, Mapping) else None
    kind, code = named or (UpstreamFailed, "error_event")
    return kind(code)


def _named(error: Mapping[str, Any] | None) -> Failure | None:
    """The failure that the provider names; None when it names none that we know."""
    named = opening_failure(error or {})
    if named is None:
        return None
    code, ending = named
    return _CLASS_OF[ending], code


def _error_of(body: bytes) -> Mapping[str, Any] | None:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return error if isinstance(error, dict) else None


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds, at most an hour; None for its date form, which is unused here.

    The spaces are those that HTTP allows around a value (RFC 9110, 5.5): `str.strip` would also
    take U+001F, which `float` does not read.
    """
    if retry_after is None:
        return None
    value = retry_after.strip(" \t")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
        return None
    return min(float(value), 3600.0)
