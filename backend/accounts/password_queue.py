"""Passwords are hashed one at a time, in a fair order, and only so many wait.

50 wrong passwords at once, each hashed in a thread of its own, delayed a `relay.pong` by up to
1.4-1.6 s; one at a time by 6-13 ms (`make bench-logins`). But in a plain queue the 60 tries that an
address has in a minute delayed the login of somebody else by 16.3 s. So the addresses take turns:
a login waits for the hash that runs, and for one of each other address.
"""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.client_addresses import limit_key

MAX_WAITING_PER_ADDRESS = 8
MAX_WAITING = 64
"""About 17 s of hashing. Each one that waits holds a thread."""


class QueueFull(Exception):
    """This password is not hashed now. `retry_after_s` is when to try again."""

    retry_after_s: int


class AddressQueueFull(QueueFull):
    """The address has as many passwords in the queue as it may."""

    retry_after_s = 2
    """The address's own queue is shorter then."""


class WholeQueueFull(QueueFull):
    """All addresses together have as many passwords in the queue as they may."""

    retry_after_s = 10
    """About half of the queue is hashed then."""


@dataclass(slots=True, eq=False)
class _Waiter:
    key: str
    is_decided: threading.Event = field(default_factory=threading.Event)
    is_displaced: bool = False


class PasswordQueue:
    """The queue of a process; used by threads. IPv6 clients are counted by their /64."""

    def __init__(
        self, max_waiting: int = MAX_WAITING_PER_ADDRESS, max_in_all: int = MAX_WAITING
    ) -> None:
        self._max_waiting = max_waiting
        self._max_in_all = max_in_all
        self._lock = threading.Lock()
        self._is_hashing = False
        self._waiting: Counter[str] = Counter()
        """By address, including the one that is hashing."""
        self._order: dict[str, deque[_Waiter]] = {}
        """Those that wait, by address; the address whose turn is next is the first key."""

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Wait for the turn of this address, and hold it.

        Raises AddressQueueFull and WholeQueueFull, the second also while it waits: an address with
        nothing in a full queue takes the place of the last one of the address with the most.
        """
        key = limit_key(address)
        if (waiter := self._join(key)) is not None:
            waiter.is_decided.wait()
            if waiter.is_displaced:
                raise WholeQueueFull
        try:
            yield
        finally:
            self._leave(key)

    def _join(self, key: str) -> _Waiter | None:
        """Join the queue. Returns None if it is the address's turn already."""
        with self._lock:
            if self._waiting[key] >= self._max_waiting:
                raise AddressQueueFull
            if self._waiting.total() >= self._max_in_all:
                self._make_room(key)
            self._waiting[key] += 1
            if not self._is_hashing:
                self._is_hashing = True
                return None
            waiter = _Waiter(key)
            self._order.setdefault(key, deque()).append(waiter)
            return waiter

    def _leave(self, key: str) -> None:
        """End the turn, and give it to the next address."""
        with self._lock:
            self._uncount(key)
            if not self._order:
                self._is_hashing = False
                return
            key = next(iter(self._order))
            queue = self._order.pop(key)
            waiter = queue.popleft()
            if queue:
                self._order[key] = queue  # At the end: the other addresses come first.
            waiter.is_decided.set()

    def _make_room(self, key: str) -> None:
        """Displace the last waiter of the address with the most, for one that has none."""
        longest = max(self._order, key=lambda each: len(self._order[each]), default=None)
        if longest is None or self._waiting[key] or len(self._order[longest]) < 2:
            raise WholeQueueFull
        displaced = self._order[longest].pop()
        self._uncount(longest)
        displaced.is_displaced = True
        displaced.is_decided.set()

    def _uncount(self, key: str) -> None:
        self._waiting[key] -= 1
        if not self._waiting[key]:
            del self._waiting[key]


password_queue = PasswordQueue()
"""The queue of this process."""
