"""What follows when the connection to our server is lost: another attempt, or the end. Pure.

As in the page (`frontend/call/reconnect.js`), with the same pauses.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.protocol.endings import ENDINGS
from backend.protocol.reading import JsonObject, text_at

BACKOFF_S = (1.0, 2.0, 4.0, 7.0)
"""The pauses before the first attempts; the last one is the pause before each further attempt."""
JITTER = 0.25
MAX_ATTEMPTS = 21
"""133 s on average: a server that is back within two minutes is found."""
_LONGEST_PAUSE_S = 60.0
STABLE_S = 10.0
"""A call that was open this long was stable: the attempts are counted from zero again."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Why the call ended. `message` is the server's sentence, or empty."""

    reason: str
    is_retryable: bool
    message: str = ""
    retry_after_s: float = 0.0


def closing_of_event(event: JsonObject) -> Closing:
    """The closing that a `relay.closing` event announces."""
    after = event.get("retry_after")
    return Closing(
        text_at(event, "reason") or "internal",
        event.get("retryable") is True,
        text_at(event, "message") or "",
        float(after) if isinstance(after, int | float) and after > 0 else 0.0,
    )


def closing_of_code(code: int) -> Closing:
    """The closing to assume where no `relay.closing` came: final where all endings of it are."""
    rows = [(ending, row) for ending, row in ENDINGS.items() if row.close_code == code]
    # Daphne closes with 1000 where a server restarts, so 1000 alone is not final.
    if rows and code != 1000 and not any(row.is_retryable for _, row in rows):
        return Closing(str(rows[0][0]), is_retryable=False)
    return Closing("connection_lost", is_retryable=True)


def pause_s(closing: Closing, attempts: int, random: Callable[[], float]) -> float | None:
    """The pause before the next attempt; None if none is made. `random` is uniform in 0..1."""
    if not closing.is_retryable or attempts >= MAX_ATTEMPTS:
        return None
    pause = BACKOFF_S[min(attempts, len(BACKOFF_S) - 1)] * (1 - JITTER + 2 * JITTER * random())
    return max(pause, min(closing.retry_after_s, _LONGEST_PAUSE_S))
