"""`asyncio.Event` and `asyncio.Queue` without deques: for those of which each call has several.

An empty deque has 760 bytes, as it begins with a block of 64 places. The eleven deques of a call,
nearly always empty, took a tenth of its memory. A list has 56, and is as fast while it is short.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ShortDeque(list[T], Generic[T]):
    """A list with the methods of a deque that asyncio and `websockets` use."""

    __slots__ = ()

    def popleft(self) -> T:
        """Remove and return the first. Raises IndexError if there is none."""
        return self.pop(0)

    def extendleft(self, items: Iterable[T]) -> None:
        """Put these at the front, one before the other."""
        self[:0] = list(items)[::-1]


class LightEvent(asyncio.Event):
    """An `asyncio.Event` for which few wait."""

    def __init__(self) -> None:
        super().__init__()
        self._waiters: Any = ShortDeque()


class LightQueue(asyncio.Queue[T], Generic[T]):
    """An `asyncio.Queue` without a bound and without `join`, in which little waits."""

    def __init__(self) -> None:
        super().__init__()
        self._getters: Any = ShortDeque()
        self._putters: Any = ShortDeque()
        self._finished = LightEvent()

    def _init(self, maxsize: int) -> None:
        self._queue: Any = ShortDeque()
