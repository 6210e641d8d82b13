"""Token buckets and sliding windows: the mechanisms behind `relay.limits`. PURE.

Times are seconds on a clock that never goes back; they are passed in.
"""

from backend.relay.limits import Limits


class TokenBucket:
    """A token bucket that refills at `rate_per_s` up to `burst`. It begins full."""

    __slots__ = ("_burst", "_filled_at_s", "_level", "_rate_per_s")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._level = burst
        self._filled_at_s: float | None = None

    def take(self, amount: float, now_s: float) -> bool:
        """Take this many tokens; take none and return False if there are fewer."""
        if self._filled_at_s is not None:
            grown = self._level + (now_s - self._filled_at_s) * self._rate_per_s
            self._level = grown if grown < self._burst else self._burst
        self._filled_at_s = now_s
        if amount > self._level:
            return False
        self._level -= amount
        return True

    def wait_s(self, amount: float) -> float:
        """The time until this many tokens are there, counted from the last `take`.

        At most the time in which the bucket fills up.
        """
        return max(0.0, (min(amount, self._burst) - self._level) / self._rate_per_s)


class ClientRateLimiter:
    """Limits one client's rate in frames and in bytes, and keeps the one warning about it.

    A frame above `Limits.frame_bytes` costs no bytes here: it is refused for its size, and three of
    those end the call.
    """

    __slots__ = ("_bytes", "_flood_s", "_frames", "_largest_bytes", "_refused_at_s", "_warned_at_s")

    def __init__(self, limits: Limits) -> None:
        self._bytes = TokenBucket(limits.client_bytes_per_s, limits.client_burst_bytes)
        self._frames = TokenBucket(limits.client_frames_per_s, limits.client_burst_frames)
        self._largest_bytes = limits.frame_bytes
        self._flood_s = limits.flood_s
        self._warned_at_s: float | None = None
        self._refused_at_s = 0.0

    def admit(self, frame_bytes: int, now_s: float) -> bool:
        """Count a frame of this size in UTF-8 bytes; return False if it is over the rate.

        A client that kept to its rate for `flood_s` after a refusal is warned anew next time.
        """
        size = frame_bytes if frame_bytes <= self._largest_bytes else 0
        if self._frames.take(1.0, now_s) and self._bytes.take(size, now_s):
            return True
        if self._warned_at_s is not None and now_s - self._refused_at_s > self._flood_s:
            self._warned_at_s = None
        self._refused_at_s = now_s
        return False

    def record_warning(self, now_s: float) -> bool:
        """Record the warning after a refusal. Return True if one was already sent."""
        if self._warned_at_s is not None:
            return True
        self._warned_at_s = now_s
        return False

    @property
    def is_flooding(self) -> bool:
        """Whether a frame was still refused more than `flood_s` after the warning."""
        return (
            self._warned_at_s is not None
            and (self._refused_at_s - self._warned_at_s) > self._flood_s
        )

    def retry_after_s(self, frame_bytes: int) -> float:
        """The time until a frame of this size is within the rate."""
        size = frame_bytes if frame_bytes <= self._largest_bytes else 0
        return max(self._frames.wait_s(1.0), self._bytes.wait_s(size))


class ErrorBudget:
    """Allows fewer than `max_errors` errors in a sliding window."""

    __slots__ = ("_errors_at_s", "_max_errors", "_window_s")

    def __init__(self, max_errors: int, window_s: float) -> None:
        self._max_errors = max_errors
        self._window_s = window_s
        # A list, as it is nearly always empty: an empty deque has 760 bytes.
        self._errors_at_s: list[float] = []

    def record_error(self, now_s: float) -> bool:
        """Record one error; return True if that makes `max_errors` within the window."""
        self._errors_at_s.append(now_s)
        del self._errors_at_s[: -self._max_errors]
        return (
            len(self._errors_at_s) == self._max_errors
            and now_s - self._errors_at_s[0] <= self._window_s
        )
