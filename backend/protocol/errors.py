"""Every exception that the relay raises by name, and the codes that they carry.

    KaiwaError
    ├── ClientError               the client's fault; the call goes on
    │   ├── BadFrame              not a valid frame: three in ten seconds end the call (4400)
    │   └── EventRefused          a valid frame, but an event or a field that clients may not send
    ├── AdmissionRefused          no call is opened: ticket, token, Origin, session, limit
    │   └── BudgetSpent           the user's money or minutes are used up; typed messages too
    └── UpstreamError             the provider's fault, or it could not be reached
        ├── UpstreamRefused       it refused: retrying does not help
        ├── UpstreamUnavailable   it cannot be reached, is overloaded, or hung up: retry later
        ├── UpstreamTimeout       it did not answer in time
        └── UpstreamFailed        it violated the protocol or failed during the call

An error carries facts (a `code`, and the ending that it leads to); the sentences for people are in
`backend.wording`, one per code, in Japanese and English. The codes are Literal types, so that a
mistyped one is a type error; a test checks that each has its sentence.
"""

from datetime import datetime
from typing import ClassVar, Literal, get_args

from backend.protocol.budget_state import BudgetKind
from backend.protocol.endings import Ending

BadFrameCode = Literal[
    "frame_binary",
    "frame_too_large",
    "frame_too_deep",
    "frame_not_json",
    "frame_not_object",
    "frame_duplicate_key",
    "frame_not_finite",
    "frame_without_type",
]
"""Why a client's frame could not be read."""

EventCode = Literal["event_not_allowed", "field_not_allowed", "field_invalid"]
"""Why a client's event was refused."""

AdmissionCode = Literal[
    "calls_not_allowed",
    "internal",
    "origin_foreign",
    "price_unknown",
    "session_closed",
    "session_unknown",
    "subprotocol_missing",
    "ticket_invalid",
    "ticket_missing",
    "token_in_url",
    "token_invalid",
    "unavailable",
    "upgrade_missing",
]
"""Why no call was opened, where this is more precise than the ending."""

ErrorCode = BadFrameCode | EventCode | AdmissionCode | Literal["rate_limit", "too_early"] | Ending
"""Every `code` of a `relay.error`. A call that fails has its ending as the code."""

UpstreamCode = Literal[
    "access_denied",
    "account_deactivated",
    "api_key_missing",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "connection_broken",
    "connection_ended",
    "connection_lost",
    "credit_balance_exhausted",
    "error_event",
    "first_event_unexpected",
    "frame_binary",
    "frame_too_large",
    "handshake_broken",
    "inference_rate_limit_exceeded",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_request_error",
    "model_not_found",
    "name_unknown",
    "not_a_websocket",
    "provider_failed",
    "proxy_failed",
    "rate_limit_exceeded",
    "redirected",
    "request_refused",
    "server_error",
    "session_expired",
    "stalled",
    "timed_out",
    "tls_failed",
    "unreachable",
]
"""Every `code` of an UpstreamError. For the operator's log only: clients get the ending."""

BAD_FRAME_CODES: frozenset[str] = frozenset(get_args(BadFrameCode))
ERROR_CODES: frozenset[str] = frozenset(
    [
        *BAD_FRAME_CODES,
        *get_args(EventCode),
        *get_args(AdmissionCode),
        "rate_limit",
        "too_early",
        *(str(ending) for ending in Ending),
    ]
)
"""The values of `ErrorCode`."""

UPSTREAM_CODES: frozenset[str] = frozenset(get_args(UpstreamCode))


class KaiwaError(Exception):
    """Root of the named exceptions. `code` is stable; clients and tests compare it."""

    code: str


class ClientError(KaiwaError):
    """The client's fault. Sent to it as `relay.error`; the call goes on.

    `event_id` is the offending event's own id, where it had one (first 64 characters).
    """

    def __init__(self, code: BadFrameCode | EventCode, event_id: str | None = None) -> None:
        super().__init__(code)
        self.code: BadFrameCode | EventCode = code
        self.event_id = event_id[:64] if event_id else None


class BadFrame(ClientError):
    """Not a valid frame: binary, too large, or not a JSON object with a `type`."""

    def __init__(self, code: BadFrameCode, event_id: str | None = None) -> None:
        super().__init__(code, event_id)


class EventRefused(ClientError):
    """An event type, or a field of one, that clients may not send.

    `where` is the type or the dotted path of the field, for the message's detail.
    """

    def __init__(self, code: EventCode, where: str, event_id: str | None = None) -> None:
        super().__init__(code, event_id)
        self.where = where


class AdmissionRefused(KaiwaError):
    """No call is opened. `ending` decides the close code; nothing was sent upstream.

    `retry_after_s`: after how many seconds a call can open, where that is known. `resets_at`: when
    the budget that is used up starts again.
    """

    resets_at: datetime | None = None

    def __init__(
        self, code: AdmissionCode | Ending, ending: Ending, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code)
        self.code: AdmissionCode | Ending = code
        self.ending = ending
        self.retry_after_s = retry_after_s


class BudgetSpent(AdmissionRefused):
    """A budget of the user is used up: no call, no typed answer and no clip may begin.

    `resets_at` and `retry_after_s` are None if no time is known: the limit is 0, or
    (`is_only_reserved`) another call or answer of the user has reserved the rest.
    """

    def __init__(
        self,
        kind: BudgetKind,
        retry_after_s: float | None = None,
        resets_at: datetime | None = None,
        *,
        is_only_reserved: bool = False,
    ) -> None:
        super().__init__(Ending.BUDGET_SPENT, Ending.BUDGET_SPENT, retry_after_s)
        self.kind: BudgetKind = kind
        self.is_only_reserved = is_only_reserved
        self.resets_at = resets_at


class UpstreamError(KaiwaError):
    """The provider's fault, or it could not be reached.

    `status` is the HTTP status of a refused upgrade or the close code of a connection, where there
    was one; `retry_after_s` is the provider's `Retry-After` in seconds; `reason` is the system's
    words for a connection that did not open ("Connection refused"), never the provider's.
    """

    ending: ClassVar[Ending]

    def __init__(
        self,
        code: UpstreamCode,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code: UpstreamCode = code
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s


class UpstreamRefused(UpstreamError):
    """It refused (key, quota, model): the operator must act, retrying does not help."""

    ending = Ending.PROVIDER_REFUSED


class UpstreamUnavailable(UpstreamError):
    """It cannot be reached, is overloaded, or ended the connection."""

    ending = Ending.PROVIDER_UNAVAILABLE


class UpstreamTimeout(UpstreamError):
    """It did not answer in time."""

    ending = Ending.PROVIDER_TIMEOUT


class UpstreamFailed(UpstreamError):
    """It violated the protocol or failed during the call."""

    ending = Ending.PROVIDER_FAILED
