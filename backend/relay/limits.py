"""How much, how fast and how long: every bound of a call on one page, with the arithmetic. PURE.

Times are seconds on a clock that never goes back; they are passed in.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one call. The depth of a frame is bounded in `protocol.frames`.

    A microphone chunk of 40 ms is 2.6 KB of JSON, 25 a second: 66 KB/s. Twice that may go on for
    ever. The bursts hold what a page flushes at once when it comes back (6 s of microphone: 150
    frames, 390 KB) and the largest frame besides.
    """

    frame_bytes: int = 512 * 1024
    bad_frames: int = 3
    bad_frames_window_s: float = 10.0

    client_bytes_per_s: float = 140_000.0
    client_burst_bytes: float = 1024 * 1024
    client_frames_per_s: float = 100.0
    client_burst_frames: float = 300.0
    flood_s: float = 5.0
    """A client that was told to slow down and is still too fast after this long is hung up on."""

    held_audio_ms: float = 6_000.0
    held_events: int = 32

    ready_within_s: float = 8.0
    """From `session.created` to `relay.ready`; getting there has its own bound in the connector."""
    idle_s: float = 15 * 60.0
    longest_call_s: float = 55 * 60.0
    """Below the provider's own cap of 60 minutes, which would cut the call in mid-word."""
    last_answer_s: float = 30.0
    """How long a call that has to end waits for the answer being given."""

    linger_s: float = 1.5
    """How long the provider is heard out when the client has gone. With the half second that
    closing may take, a paid connection ends within 2 s."""
    last_words_s: float = 1.0
    close_s: float = 2.0
    stuck_send_s: float = 10.0
    """Below the 40 s after which the provider's keepalive would end a call that we do not read."""
    tick_s: float = 0.5
    """How often a call looks at the clock, and how old a half-said turn may be unkept."""


DEFAULT_LIMITS = Limits()


class Bucket:
    """A token bucket: `rate_per_s` for ever, `burst` at once."""

    __slots__ = ("_burst", "_filled_at_s", "_level", "_rate_per_s")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._level = burst
        self._filled_at_s: float | None = None

    def take(self, amount: float, now_s: float) -> bool:
        """Whether this much was there; nothing is taken where it was not."""
        if self._filled_at_s is not None:
            grown = self._level + (now_s - self._filled_at_s) * self._rate_per_s
            self._level = grown if grown < self._burst else self._burst
        self._filled_at_s = now_s
        if amount > self._level:
            return False
        self._level -= amount
        return True

    def wait_s(self, amount: float) -> float:
        """How long until this much is there, from the last `take`; at most the time to fill up."""
        return max(0.0, (min(amount, self._burst) - self._level) / self._rate_per_s)


class ClientRateLimiter:
    """One client's rate, in frames and bytes."""

    __slots__ = ("_bytes", "_flood_s", "_frames", "_largest_bytes", "_refused_at_s", "_told_at_s")

    def __init__(self, limits: Limits) -> None:
        self._bytes = Bucket(limits.client_bytes_per_s, limits.client_burst_bytes)
        self._frames = Bucket(limits.client_frames_per_s, limits.client_burst_frames)
        self._largest_bytes = limits.frame_bytes
        self._flood_s = limits.flood_s
        self._told_at_s: float | None = None
        self._refused_at_s = 0.0

    def admits(self, frame_bytes: int, now_s: float) -> bool:
        """Whether a frame of this size may come now.

        A frame above the size limit costs no bytes: it is refused for its size, and three of those
        end the call.
        """
        size = frame_bytes if frame_bytes <= self._largest_bytes else 0
        if self._frames.take(1.0, now_s) and self._bytes.take(size, now_s):
            return True
        if self._told_at_s is not None and now_s - self._refused_at_s > self._flood_s:
            self._told_at_s = None
        self._refused_at_s = now_s
        return False

    def told(self, now_s: float) -> bool:
        """After a refusal: whether the client has been told already; from now on it has."""
        if self._told_at_s is not None:
            return True
        self._told_at_s = now_s
        return False

    def floods(self) -> bool:
        """Whether it goes on although the client was told, for longer than we look on."""
        return (
            self._told_at_s is not None and (self._refused_at_s - self._told_at_s) > self._flood_s
        )

    def retry_after_s(self, frame_bytes: int) -> float:
        """How long the client does well to wait before it sends such a frame again."""
        size = frame_bytes if frame_bytes <= self._largest_bytes else 0
        return max(self._frames.wait_s(1.0), self._bytes.wait_s(size))


class ErrorBudget:
    """Counts misdeeds in a sliding window."""

    __slots__ = ("_at_s", "_most", "_window_s")

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._at_s: deque[float] = deque(maxlen=most)

    def are_out(self, now_s: float) -> bool:
        """Count one more; whether that is `most` within the window."""
        self._at_s.append(now_s)
        return len(self._at_s) == self._most and now_s - self._at_s[0] <= self._window_s
