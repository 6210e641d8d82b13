"""The frames that wait to be sent to one side of a call, and how long that side has taken none."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from backend.relay.ports import DirectText

STUCK_CHARS = 256 * 1024
"""Speech has 64 KB a second: a client that takes no more than this in 10 s cannot play it."""


class Clock(Protocol):
    """A source of time that tests replace."""

    def now(self) -> datetime:
        """The current time, on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        ...


class SendQueue:
    """Frames to send to one side, in the order in which `CallLogic` decided them.

    There is no await between a decision and its `put`, and `asyncio.Lock` is fair. A task that is
    sending also sends frames that other tasks put meanwhile; those tasks wait for the lock and so
    read no further frame. The close comes last: it is sent after the tasks have ended, and frames
    that could not be sent by then are dropped, never sent late.

    `direct` is the direct way through the side's socket, if it has one.
    """

    def __init__(self, clock: Clock, direct: DirectText | None = None) -> None:
        self._clock = clock
        self._direct = direct
        # A list, as it is nearly always empty: an empty deque has 760 bytes.
        self.texts: list[str] = []
        """The frames that wait to be sent."""
        self._lock = asyncio.Lock()
        self.flushing = 0
        """How many tasks send, or wait to send."""
        self._sending_since: datetime | None = None
        self._blocked_since: datetime | None = None
        self.sent_chars = self._sent_chars_when_blocked = 0
        """How much was sent. The call adds what it sends past an empty queue."""

    def put(self, text: str) -> None:
        """Send a frame the direct way, if none waits before it and the socket can take it.

        Else it is sent by the next `flush`, or by one that is running.
        """
        direct = self._direct
        if direct is None or self.texts or self.flushing or not direct.can_send_now:
            self.texts.append(text)
            return
        direct.send_now(text)
        self.sent_chars += len(text)

    @property
    def is_idle(self) -> bool:
        """Whether no frame waits and no task sends."""
        return not self.texts and not self.flushing

    def take(self) -> list[str]:
        """Remove the frames that wait to be sent."""
        texts, self.texts = self.texts, []
        return texts

    async def flush(
        self, send: Callable[[str], Awaitable[None]], now: datetime | None = None
    ) -> None:
        """Send every frame in the queue; raises what `send` raises.

        `now` is the start of the first send for `stuck_s`, and saves a reading of the clock. It
        counts only if no other task is sending.
        """
        if self.flushing:
            now = None
        self.flushing += 1
        try:
            async with self._lock:
                while self.texts:
                    text = self.texts.pop(0)
                    self._sending_since = now or self._clock.now()
                    now = None
                    try:
                        await send(text)
                    finally:
                        self._sending_since = None
                    self.sent_chars += len(text)
        finally:
            self.flushing -= 1

    def stuck_s(self, now: datetime) -> float:
        """How long the other side has taken next to nothing, in seconds; 0 if nothing is being
        sent. To be called at every tick, which notes whether a send is blocked.

        Next to nothing is less than `STUCK_CHARS`. The kernel of a client that does not read takes
        some more when it is probed, after 6 s for instance, and such a call ended after 17 s.
        """
        if self._sending_since is None:
            self._blocked_since = None
            return 0.0
        has_taken = self.sent_chars - self._sent_chars_when_blocked >= STUCK_CHARS
        if self._blocked_since is None or has_taken:
            self._blocked_since = self._sending_since
            self._sent_chars_when_blocked = self.sent_chars
        return (now - self._blocked_since).total_seconds()
