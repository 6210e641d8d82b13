"""Every way a call can end and every error we name, on one page.

    KaiwaError
    ├── ClientError               the client did wrong; the call goes on
    │   ├── BadFrame              not a frame of ours: three in ten seconds end the call (4400)
    │   └── EventRefused          a frame, but an event or a field that clients may not send
    ├── AdmissionRefused          no call for you: ticket, token, Origin
    └── UpstreamError             the provider did wrong, or could not be reached
        ├── UpstreamRefused       it said no: retrying will not help
        ├── UpstreamUnavailable   it cannot be reached, is overloaded, or hung up: come back
        ├── UpstreamTimeout       it did not answer in time
        └── UpstreamFailed        it broke the protocol or died in the middle

An error carries facts (`code`, whose fault, how a call ends by it); the sentences that people read
are in `backend.wording`, one per `code`, in Japanese and English.
"""

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who was wrong."""

    CLIENT = "client"
    RELAY = "relay"
    PROVIDER = "provider"


class Ending(StrEnum):
    """How a call ended: one word, the same in the frame, the log, the metric and the row."""

    CLIENT_LEFT = "client_left"
    COMPLETED = "completed"
    DRAINING = "draining"
    BAD_FRAMES = "bad_frames"
    UNAUTHENTICATED = "unauthenticated"
    REVOKED = "revoked"
    FORBIDDEN = "forbidden"
    TOO_SLOW = "too_slow"
    IDLE = "idle"
    TAKEN_OVER = "taken_over"
    TIME_LIMIT = "time_limit"
    RATE_LIMIT = "rate_limit"
    INTERNAL = "internal"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_TIMEOUT = "provider_timeout"
    INTERRUPTED = "interrupted"


CLOSE_CODES: dict[Ending, int] = {
    Ending.CLIENT_LEFT: 1000,
    Ending.COMPLETED: 1000,
    Ending.DRAINING: 1012,
    Ending.BAD_FRAMES: 4400,
    Ending.UNAUTHENTICATED: 4401,
    Ending.REVOKED: 4401,
    Ending.FORBIDDEN: 4403,
    Ending.TOO_SLOW: 4408,
    Ending.IDLE: 4408,
    Ending.TAKEN_OVER: 4409,
    Ending.TIME_LIMIT: 4410,
    Ending.RATE_LIMIT: 4429,
    Ending.INTERNAL: 4500,
    Ending.PROVIDER_FAILED: 4502,
    Ending.PROVIDER_REFUSED: 4502,
    Ending.PROVIDER_UNAVAILABLE: 4503,
    Ending.PROVIDER_TIMEOUT: 4504,
}
"""The WebSocket close code of each ending. `INTERRUPTED` has none: the worker died, and its lease
ran out with nobody left to close anything."""

RETRYABLE_ENDINGS = frozenset(
    {
        Ending.DRAINING,
        Ending.TOO_SLOW,
        Ending.INTERNAL,
        Ending.PROVIDER_FAILED,
        Ending.PROVIDER_UNAVAILABLE,
        Ending.PROVIDER_TIMEOUT,
        Ending.INTERRUPTED,
    }
)
"""Endings after which a client does well to come back by itself with a new ticket."""


class KaiwaError(Exception):
    """Root of what we name. `code` is stable and is what clients and tests compare."""

    fault: ClassVar[Fault]

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ClientError(KaiwaError):
    """The client did wrong. Told as `relay.error`; the call goes on.

    `event_id` is the offending event's own id, where it had one (first 64 characters).
    """

    fault = Fault.CLIENT

    def __init__(self, code: str, event_id: str | None = None) -> None:
        super().__init__(code)
        self.event_id = event_id[:64] if event_id else None


class BadFrame(ClientError):
    """Not a JSON object we accept. `code` is one of `BAD_FRAME_CODES`."""


BAD_FRAME_CODES = frozenset(
    {
        "frame_binary",
        "frame_too_large",
        "frame_too_deep",
        "frame_not_json",
        "frame_not_object",
        "frame_duplicate_key",
        "frame_not_finite",
        "frame_without_type",
    }
)


class EventRefused(ClientError):
    """An event type, or a field of one, that clients may not send.

    `code` is `event_not_allowed`, `field_not_allowed` or `field_invalid`; `where` is the type or
    the dotted path of the field, for the message's detail.
    """

    def __init__(self, code: str, where: str, event_id: str | None = None) -> None:
        super().__init__(code, event_id)
        self.where = where


class AdmissionRefused(KaiwaError):
    """No call is opened. `ending` decides the close code; nothing was sent upstream."""

    fault = Fault.CLIENT

    def __init__(self, code: str, ending: Ending) -> None:
        super().__init__(code)
        self.ending = ending


class UpstreamError(KaiwaError):
    """The provider did wrong, or could not be reached.

    `status` is the HTTP status of a refused upgrade or the close code of a connection, where there
    was one; `retry_after_s` is the provider's own wish in seconds.
    """

    fault = Fault.PROVIDER
    ending: ClassVar[Ending]

    def __init__(
        self, code: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.retry_after_s = retry_after_s


class UpstreamRefused(UpstreamError):
    """It said no (key, quota, model): the operator has to act, retrying will not help."""

    ending = Ending.PROVIDER_REFUSED


class UpstreamUnavailable(UpstreamError):
    """It cannot be reached, is overloaded, or ended the connection."""

    ending = Ending.PROVIDER_UNAVAILABLE


class UpstreamTimeout(UpstreamError):
    """It did not answer in time."""

    ending = Ending.PROVIDER_TIMEOUT


class UpstreamFailed(UpstreamError):
    """It broke the protocol or died in the middle."""

    ending = Ending.PROVIDER_FAILED
