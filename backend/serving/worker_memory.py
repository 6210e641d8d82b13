"""The memory that all workers and their supervisor share: a few whole numbers of each worker.

They are written and read without a lock: each has one writer.
"""

import mmap
import os
from enum import IntEnum

_BYTES = 4


class Row(IntEnum):
    """What the numbers are; each row has one for each worker."""

    CONNECTIONS = 0
    """How many it has (`worker_balance`)."""
    BEATS = 1
    """How many seconds its event loop has run (`worker_beats`)."""


def make_memory(count: int) -> int:
    """Make the memory for so many workers, all numbers 0. Returns its descriptor.

    No file, which something that tidies up could delete.
    """
    memory = os.memfd_create("kaiwa-workers")
    os.ftruncate(memory, _BYTES * count * len(Row))
    return memory


def numbers(memory: int, count: int, row: Row) -> memoryview:
    """Return the numbers of this row, to be read and written.

    `memory` is the descriptor that `make_memory` has returned, or one that was inherited for it.
    """
    size = _BYTES * count
    whole = memoryview(mmap.mmap(memory, size * len(Row)))
    return whole[row * size : (row + 1) * size].cast("i")
