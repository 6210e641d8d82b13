"""How many connections each of several workers has, in memory that all of them share.

All accept from one socket, and the kernel wakes all for each connection. Without this the first one
to run takes all that wait: of twenty calls that were opened at once, one of two workers took 17 to
20, and a call stays for an hour where it began.
"""

from backend.serving.worker_memory import Row, numbers

ABSENT = 2**31 - 1
"""In place of the number of a worker that accepts nothing: it has not started, drains or died."""


class WorkerBalance:
    """The numbers of all workers; `number` is this worker's, from 1 on.

    A number that is out of date costs an uneven share at most.
    """

    def __init__(self, memory: int, number: int, count: int) -> None:
        self._numbers = numbers(memory, count, Row.CONNECTIONS)
        self._own = number - 1
        self._has_left = False

    def publish(self, connections: int) -> None:
        """Tell the others how many connections this worker has, unless it has left."""
        if not self._has_left:
            self._numbers[self._own] = connections

    def leave(self) -> None:
        """Tell the others that this worker accepts no more."""
        self._has_left = True
        self._numbers[self._own] = ABSENT

    def is_ahead(self) -> bool:
        """Whether another worker that accepts has fewer connections."""
        return min(self._numbers) < self._numbers[self._own]


def note_all_absent(memory: int, count: int) -> None:
    """Note that none of these workers has started."""
    for number in range(1, count + 1):
        WorkerBalance(memory, number, count).leave()
