"""What HTTP statuses and WebSocket close codes mean with any provider. PURE.

The codes of RFC 9110 and RFC 6455 only; a provider's own codes and error names are in its file in
`upstream.providers`, which asks here where it knows nothing better.
"""

import re
from collections.abc import Mapping

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
from backend.protocol.reading import JsonObject

Failure = tuple[type[UpstreamError], UpstreamCode]
"""The error to raise and its code."""

CREDENTIALS_REFUSED: Failure = (UpstreamRefused, "invalid_api_key")
ACCESS_DENIED: Failure = (UpstreamRefused, "access_denied")
REQUEST_REFUSED: Failure = (UpstreamRefused, "request_refused")
_ENDED: Failure = (UpstreamUnavailable, "connection_ended")

STATUSES: Mapping[int, Failure] = {
    401: CREDENTIALS_REFUSED,
    403: ACCESS_DENIED,
    404: (UpstreamRefused, "model_not_found"),
    408: (UpstreamTimeout, "timed_out"),
    429: (UpstreamUnavailable, "rate_limit_exceeded"),
}
"""By the HTTP status of a refused upgrade."""

STATUS_CLASSES: Mapping[int, Failure] = {
    2: (UpstreamFailed, "not_a_websocket"),
    3: (UpstreamRefused, "redirected"),
    4: REQUEST_REFUSED,
    5: (UpstreamUnavailable, "server_error"),
}
"""By the first digit of any other status. A redirect is not followed: the key is for one host."""

CLOSE_CODES: Mapping[int, Failure] = {
    1000: _ENDED,
    1001: _ENDED,
    1005: _ENDED,
    1006: (UpstreamFailed, "connection_lost"),
    1008: REQUEST_REFUSED,
    1009: (UpstreamFailed, "frame_too_large"),
    1011: (UpstreamFailed, "server_error"),
    1012: _ENDED,
    1013: _ENDED,
}
"""By the close code; any other code broke the protocol."""

_CLASSES: Mapping[Ending, type[UpstreamError]] = {
    error.ending: error
    for error in (UpstreamRefused, UpstreamUnavailable, UpstreamTimeout, UpstreamFailed)
}


def of_status(status: int) -> Failure:
    """What this HTTP status means as the answer to an upgrade request."""
    by_class = STATUS_CLASSES.get(status // 100, (UpstreamFailed, "handshake_broken"))
    return STATUSES.get(status, by_class)


def of_close(code: int) -> Failure:
    """What this close code means; 1005 for a close without one, 1006 for a lost connection."""
    return CLOSE_CODES.get(code, (UpstreamFailed, "connection_broken"))


def error_named_in(error: JsonObject) -> UpstreamError:
    """The UpstreamError of an error object that came inside an answer: by its `code` or `type`."""
    named = opening_failure(error)
    if named is None:
        return UpstreamFailed("error_event")
    code, ending = named
    return class_of(ending)(code)


def class_of(ending: Ending) -> type[UpstreamError]:
    """The error class that ends a call with this ending. Raises KeyError if there is none."""
    return _CLASSES[ending]


def seconds_of(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds, at most an hour; None for its date form, which is not used here.

    The spaces are those that HTTP allows around a value (RFC 9110, 5.5): `str.strip` would also
    take U+001F, which `float` does not read.
    """
    if retry_after is None:
        return None
    value = retry_after.strip(" \t")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
        return None
    return min(float(value), 3600.0)
