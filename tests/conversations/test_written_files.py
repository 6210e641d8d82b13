"""The files of a SQLite database say whether anything was written to it since."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backend.conversations.written_files import SETTLED_S, WrittenFiles


class Database:
    """A SQLite database in WAL mode, and a clock that its files are older than, or not."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "some.sqlite3"
        self.log = folder / "some.sqlite3-wal"
        self.now_s = 0.0
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("CREATE TABLE words (word TEXT)")
        self.files = WrittenFiles(str(self.path), lambda: self.now_s)

    def settle(self) -> None:
        """Let the last write be so old that its time says something."""
        written_s = max(path.stat().st_mtime for path in (self.path, self.log))
        self.now_s = written_s + SETTLED_S

    def write(self, *, at_s: float) -> None:
        """Write one row, at this time."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("INSERT INTO words VALUES ('one')")
        os.utime(self.log, (at_s, at_s))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def test_the_state_is_another_one_after_a_write_and_the_same_without(database: Database) -> None:
    database.settle()
    before = database.files.state()
    assert before is not None
    assert database.files.state() == before
    database.write(at_s=database.now_s)
    database.settle()
    after = database.files.state()
    assert after is not None
    assert after != before


def test_a_write_that_leaves_the_size_is_seen_by_its_time(database: Database) -> None:
    database.settle()
    before = database.files.state()
    database.connection.execute("INSERT INTO words VALUES ('one')")
    written_s = database.now_s
    os.utime(database.log, (written_s, written_s))
    database.settle()
    first, size = database.files.state(), database.log.stat().st_size
    # The log begins again where it began.
    database.connection.execute("PRAGMA wal_checkpoint(RESTART)")
    database.connection.execute("INSERT INTO words VALUES ('two')")
    os.utime(database.log, (written_s + 1, written_s + 1))
    database.settle()
    assert database.log.stat().st_size == size
    assert len({str(each) for each in (before, first, database.files.state())}) == 3


def test_a_write_just_now_says_nothing(database: Database) -> None:
    database.settle()
    database.now_s -= 0.01
    assert database.files.state() is None
    # As after the clock was set back.
    database.now_s -= 3600
    assert database.files.state() is None


def test_a_file_system_with_whole_seconds_says_nothing(database: Database) -> None:
    database.write(at_s=1_790_000_000)
    database.settle()
    assert database.files.state() is None
    database.write(at_s=1_790_000_000.5)
    assert database.files.state() is not None


def test_without_a_log_or_without_files_nothing_is_known(database: Database) -> None:
    database.settle()
    database.connection.close()
    assert not database.log.exists()
    assert database.files.state() is None
    assert WrittenFiles(":memory:").state() is None


def test_the_log_is_looked_for_beside_the_file_that_a_link_leads_to(database: Database) -> None:
    link = database.path.with_name("link.sqlite3")
    link.symlink_to(database.path)
    # As a process that was killed has left it.
    stale = link.with_name("link.sqlite3-wal")
    stale.write_bytes(b"old")
    os.utime(stale, (1.5, 1.5))
    files = WrittenFiles(str(link), lambda: database.now_s)
    database.settle()
    before = files.state()
    assert before is not None
    database.write(at_s=database.now_s)
    database.settle()
    assert files.state() not in (None, before)


def test_the_age_is_that_of_the_file_that_was_written_last(database: Database) -> None:
    database.settle()
    os.utime(database.path, (database.now_s, database.now_s))
    assert database.files.state() is None


def test_a_database_that_was_replaced_is_another_one(database: Database) -> None:
    database.settle()
    before = database.files.state()
    times = database.path.stat().st_mtime_ns
    replacement = database.path.with_suffix(".restored")
    replacement.write_bytes(database.path.read_bytes())
    os.utime(replacement, ns=(times, times))
    replacement.replace(database.path)
    assert database.files.state() not in (None, before)
