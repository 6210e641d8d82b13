"""Detects writes to a SQLite database by the size and the modification time of its files.

Without a query, which needs a thread: in an idle process that thread hop, twice a second, took a
third of all processor time. `stat` waits for no lock and opens no file; to open and close
one would drop the locks that SQLite has on it (sqlite.org/howtocorrupt.html, 2.2).
"""

import time
from collections.abc import Callable
from pathlib import Path

SETTLED_S = 0.25
"""How old the last write must be, in seconds. A commit counts once the log's index says so, some
microseconds after the last page was written (with `synchronous=NORMAL`, as the settings have it;
with FULL a slow disk is waited for in between); and of two writes within 4 ms the second may leave
the same time (`CONFIG_HZ`)."""


class WrittenFiles:
    """The files of one SQLite database in WAL mode, of which each commit writes to the log."""

    def __init__(self, database: str, wall_s: Callable[[], float] = time.time) -> None:
        # Of a link SQLite keeps the log beside the file that it leads to.
        path = Path(database).resolve()
        self._paths = (path, path.with_name(f"{path.name}-wal"))
        self._wall_s = wall_s

    def state(self) -> object:
        """Return a value that changes with every write; None if writes cannot be told apart now.

        That is so without a write-ahead log, until the last write is `SETTLED_S` old, and where the
        file system keeps no fractions of a second.
        """
        try:
            found = database, log = [path.stat() for path in self._paths]
        except OSError:
            return None
        age_s = self._wall_s() - max(database.st_mtime, log.st_mtime)
        if age_s < SETTLED_S or log.st_mtime_ns % 1_000_000_000 == 0:
            return None
        return [(each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns) for each in found]
