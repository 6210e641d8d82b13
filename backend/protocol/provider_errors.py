"""What the provider's named errors mean: one row per `code` or `type` of an error. PURE.

An error reaches the relay in four places: the body of a refused upgrade, the reason of a close, an
`error` event, and a `response.done` that failed. All four are looked up in `PROVIDER_ERRORS`, and
the page's list of errors not to show is compared with it. An error that is not in the table is
passed on to the client, and the call goes on.

Sources: the provider's errors as observed, and those that its official SDKs treat as final.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from backend.protocol.endings import Ending
from backend.protocol.errors import UpstreamCode


class Severity(StrEnum):
    """What an error does to a call."""

    FATAL = "fatal"
    """No call can open, and an open call ends: nothing more will come from the provider."""
    PREVENTS_OPENING = "prevents_opening"
    """No call can open; in an open call it fails one request, and the call goes on."""
    PASSED_ON = "passed_on"
    """Passed on to the client; the call goes on."""
    BENIGN = "benign"
    """The same, and logged as a race that a correct client loses now and then."""


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What one error means.

    `ending` is that of a call which this error ends or keeps from opening. It also says whose
    fault it is: `PROVIDER_REFUSED` the operator's (key, quota, model, configuration),
    `PROVIDER_UNAVAILABLE` the provider's. `is_shown`: whether a client should tell its user.
    """

    severity: Severity
    ending: Ending | None = None
    is_shown: bool = True


_FATAL_REFUSAL = ProviderError(Severity.FATAL, Ending.PROVIDER_REFUSED)
_BUSY = ProviderError(Severity.PREVENTS_OPENING, Ending.PROVIDER_UNAVAILABLE)
_RACE = ProviderError(Severity.BENIGN, is_shown=False)

PROVIDER_ERRORS: Mapping[str, ProviderError] = {
    "account_deactivated": _FATAL_REFUSAL,
    "beta_api_shape_disabled": _FATAL_REFUSAL,
    "billing_hard_limit_reached": _FATAL_REFUSAL,
    "credit_balance_exhausted": _FATAL_REFUSAL,
    "insufficient_quota": _FATAL_REFUSAL,
    "invalid_api_key": _FATAL_REFUSAL,
    "model_not_found": _FATAL_REFUSAL,
    "session_expired": ProviderError(Severity.FATAL, Ending.PROVIDER_UNAVAILABLE),
    "inference_rate_limit_exceeded": _BUSY,
    "rate_limit_exceeded": _BUSY,
    "server_error": _BUSY,
    # An unspecific `type`: the error's `code` and the HTTP status take precedence over it.
    "invalid_request_error": ProviderError(Severity.PREVENTS_OPENING, Ending.PROVIDER_REFUSED),
    "conversation_already_has_active_response": _RACE,
    "input_audio_buffer_commit_empty": _RACE,
    "item_create_duplicate_item_id": _RACE,
    "item_retrieve_invalid_item_id": _RACE,
    "item_truncate_invalid_item_id": _RACE,
    "response_cancel_not_active": _RACE,
    # To a client it answers a truncate of sound that is already shorter, which is a race. It can
    # also name any wrong field of the relay's own events, so the operator must see it.
    "invalid_value": ProviderError(Severity.PASSED_ON, is_shown=False),
}


def opening_failure(error: Mapping[str, Any]) -> tuple[UpstreamCode, Ending] | None:
    """The name and the ending of an error that prevents a call from opening, if it is one."""
    for name in _names(error):
        row = PROVIDER_ERRORS.get(name)
        if row is not None and row.ending is not None:
            # A test compares the names of these rows with `UpstreamCode`.
            return cast(UpstreamCode, name), row.ending
    return None


def fatal_ending(error: Mapping[str, Any]) -> Ending | None:
    """How an open call ends by this error; None if it goes on."""
    for name in _names(error):
        row = PROVIDER_ERRORS.get(name)
        if row is not None and row.severity is Severity.FATAL:
            return row.ending
    return None


def is_benign(error: Mapping[str, Any]) -> bool:
    """Whether the error's `code` is that of a race."""
    code = error.get("code")
    row = PROVIDER_ERRORS.get(code) if isinstance(code, str) else None
    return row is not None and row.severity is Severity.BENIGN


def rows() -> list[dict[str, object]]:
    """The table as plain values, one dictionary per error, to be written to other languages."""
    return [
        {
            "name": name,
            "severity": str(row.severity),
            "ending": None if row.ending is None else str(row.ending),
            "is_shown": row.is_shown,
        }
        for name, row in PROVIDER_ERRORS.items()
    ]


def _names(error: Mapping[str, Any]) -> Iterator[str]:
    """The error's own `code`, then its `type`, where they are strings."""
    for field in ("code", "type"):
        name = error.get(field)
        if isinstance(name, str):
            yield name
