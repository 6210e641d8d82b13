"""Every way a call can end, and what follows from it: one row per ending. PURE.

Everything that depends on an ending is a column of `ENDINGS`. To add an ending: a member and a row
here, its sentence in `backend.wording`, its line in docs/api.md; tests name what is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a call ended: the same word in the frame, the log, the metric and the row."""

    CLIENT_LEFT = "client_left"
    COMPLETED = "completed"
    DRAINING = "draining"
    BAD_FRAMES = "bad_frames"
    UNAUTHENTICATED = "unauthenticated"
    REVOKED = "revoked"
    FORBIDDEN = "forbidden"
    TOO_SLOW = "too_slow"
    UNRESPONSIVE = "unresponsive"
    IDLE = "idle"
    TAKEN_OVER = "taken_over"
    TIME_LIMIT = "time_limit"
    RATE_LIMIT = "rate_limit"
    TOO_MANY_CALLS = "too_many_calls"
    SERVER_FULL = "server_full"
    HOURLY_LIMIT = "hourly_limit"
    BUDGET_SPENT = "budget_spent"
    INTERNAL = "internal"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_TIMEOUT = "provider_timeout"
    INTERRUPTED = "interrupted"

    @property
    def close_code(self) -> int:
        """The WebSocket close code. Raises ValueError for `INTERRUPTED`, which has none."""
        code = ENDINGS[self].close_code
        if code is None:
            raise ValueError(f"{self} closes no socket")
        return code

    @property
    def is_retryable(self) -> bool:
        """Whether a client should reconnect by itself, with a new ticket."""
        return ENDINGS[self].is_retryable

    @property
    def is_failure(self) -> bool:
        """Whether `relay.error` precedes `relay.closing`."""
        return ENDINGS[self].is_failure

    @property
    def drains_upstream(self) -> bool:
        """Whether the relay reads the provider's pending replies before it closes upstream."""
        return ENDINGS[self].drain_upstream


@dataclass(frozen=True, slots=True)
class EndingRow:
    """What follows from one ending.

    `close_code` is the WebSocket close code, None where no socket is left to close.
    `is_retryable`: a client should reconnect by itself, with a new ticket.
    `is_failure`: something failed, so `relay.error` precedes `relay.closing`.
    `drain_upstream`: the client or the relay ended the call, so the provider may still send words
    of the user that must be kept (transcripts, typed messages, truncations): read them before
    closing. A provider that failed sends nothing more, and a server that stops at once has no time.
    """

    close_code: int | None
    is_retryable: bool = False
    is_failure: bool = False
    drain_upstream: bool = False

    @property
    def is_bad(self) -> bool:
        """Whether something failed, or the process died, which left nobody to report it."""
        return self.is_failure or self.close_code is None


ENDINGS: Mapping[Ending, EndingRow] = {
    Ending.CLIENT_LEFT: EndingRow(1000, drain_upstream=True),
    Ending.COMPLETED: EndingRow(1000, drain_upstream=True),
    # A drain that waits for the answer's end drains upstream all the same: see `CallLogic`.
    Ending.DRAINING: EndingRow(1012, is_retryable=True),
    Ending.BAD_FRAMES: EndingRow(4400, drain_upstream=True),
    Ending.UNAUTHENTICATED: EndingRow(4401),
    Ending.REVOKED: EndingRow(4401, drain_upstream=True),
    Ending.FORBIDDEN: EndingRow(4403),
    Ending.TOO_SLOW: EndingRow(4408, is_retryable=True, drain_upstream=True),
    Ending.UNRESPONSIVE: EndingRow(4408, is_retryable=True, drain_upstream=True),
    Ending.IDLE: EndingRow(4408, drain_upstream=True),
    Ending.TAKEN_OVER: EndingRow(4409, drain_upstream=True),
    Ending.TIME_LIMIT: EndingRow(4410, drain_upstream=True),
    Ending.RATE_LIMIT: EndingRow(4429, drain_upstream=True),
    # Limits of a user and of the server (`backend.spending`). Final, so that no page tries for
    # ever: the user comes back when a call has ended, or at `retry_after`.
    Ending.TOO_MANY_CALLS: EndingRow(4429),
    Ending.SERVER_FULL: EndingRow(4429),
    Ending.HOURLY_LIMIT: EndingRow(4429),
    # Also in the middle of a call: the answer in progress is heard to its end first.
    Ending.BUDGET_SPENT: EndingRow(4429, drain_upstream=True),
    Ending.INTERNAL: EndingRow(4500, is_retryable=True, is_failure=True),
    Ending.PROVIDER_FAILED: EndingRow(4502, is_retryable=True, is_failure=True),
    Ending.PROVIDER_REFUSED: EndingRow(4502, is_failure=True),
    Ending.PROVIDER_UNAVAILABLE: EndingRow(4503, is_retryable=True, is_failure=True),
    Ending.PROVIDER_TIMEOUT: EndingRow(4504, is_retryable=True, is_failure=True),
    # The worker died and its lease ran out: nobody was left to close the socket.
    Ending.INTERRUPTED: EndingRow(None, is_retryable=True),
}


def rows() -> list[dict[str, object]]:
    """The table as plain values, one dictionary per ending, to be written to other languages."""
    return [
        {
            "ending": str(ending),
            "close_code": row.close_code,
            "is_retryable": row.is_retryable,
            "is_failure": row.is_failure,
            "drain_upstream": row.drain_upstream,
        }
        for ending, row in ENDINGS.items()
    ]
