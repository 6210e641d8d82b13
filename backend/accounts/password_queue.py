"""Passwords are hashed one at a time, and no address can make the others wait for long.

50 wrong passwords at once, each hashed in a thread of its own, delayed a `relay.pong` by up to
1.4-1.6 s; one at a time by 6-13 ms (`make bench-logins`). But in a plain queue the 60 tries that an
address has in a minute delayed the login of somebody else by 16.3 s.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MAX_WAITING_PER_ADDRESS = 8
"""About 2 s of hashing, which is how long one address can delay the login of another."""


class QueueFull(Exception):
    """The address has as many passwords in the queue as it may."""


class PasswordQueue:
    """The queue of a process; used by threads."""

    def __init__(self, max_waiting: int = MAX_WAITING_PER_ADDRESS) -> None:
        self._max_waiting = max_waiting
        self._waiting: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._hashing = threading.Lock()

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Wait for the turn of this address, and hold it. Raises QueueFull without waiting."""
        with self._counting:
            if self._waiting[address] >= self._max_waiting:
                raise QueueFull
            self._waiting[address] += 1
        try:
            with self._hashing:
                yield
        finally:
            with self._counting:
                self._waiting[address] -= 1
                if not self._waiting[address]:
                    del self._waiting[address]


password_queue = PasswordQueue()
"""The queue of this process."""
