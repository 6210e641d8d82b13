"""The spool: what the database has not taken yet, in a file that outlives the process.

The recorder keeps everything in memory and retries for ever, so this file is read only if the
process ends first: by another process, or by the next one (`spool_replay`). It is written only
while the database is late, by a thread of its own: `sync` may wait for the disk.

A file belongs to the process that holds its lock (`flock`), which the kernel gives back when the
process ends, however it ends. That works for the containers of one machine too, where neither a
host name nor a process id says who is alive. `tag` names the database, so that a server with
another one does not take the file.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Hashable, Mapping
from pathlib import Path
from uuid import uuid4

from backend.conversations.spool_format import (
    Encoded,
    fitting,
    key_of,
    line_of,
    stored_line,
)
from backend.conversations.writing import Write
from backend.telemetry.logs import log_event

MAX_BYTES = 64 * 1024 * 1024
"""The words of 200 calls for about two hours, at 15 Japanese characters a second each. A file that
is full of older versions is rewritten with only the newest ones."""
REWRITE_PAUSE_S = 5.0
"""The shortest interval between two rewrites of a full file: each writes all of it again."""
FAILURE_PAUSE_S = 2.0
"""How long nothing is tried after the disk has refused a write."""
SUFFIX = ".jsonl"

_log = logging.getLogger(__name__)


def database_tag(settings: Mapping[str, object]) -> str:
    """A name for the database of these Django settings, without its user or password."""
    parts = [str(settings.get(name, "")) for name in ("ENGINE", "HOST", "PORT", "NAME")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def make_folder(folder: Path) -> None:
    """Create the folder for its owner only. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in this folder, or the folder where it is still missing."""
    existing = next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


class Spool:
    """The spool file of this process. All methods but the properties belong to one thread."""

    def __init__(self, folder: Path, tag: str, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._tag = tag
        self._max_bytes = max_bytes
        self._path = folder
        self._file = -1
        self._bytes = 0
        self._written: dict[Hashable, Write] = {}
        self._refused: dict[Hashable, None] = {}
        self._refused_total = 0
        self._rewrite_at_s = self._retry_at_s = 0.0
        self._is_failing = False

    @property
    def size_bytes(self) -> int:
        """The size of the file; 0 if there is none."""
        return self._bytes

    @property
    def writes(self) -> int:
        """How many writes are only in memory and in the file."""
        return len(self._written)

    @property
    def refused_total(self) -> int:
        """How many writes found no room, or were refused by the disk. They are still in memory."""
        return self._refused_total

    @property
    def is_failing(self) -> bool:
        """Whether the disk refused the latest write."""
        return self._is_failing

    def sync(self, unwritten: Mapping[Hashable, Write], at_once: bool = False) -> int:
        """Bring the file up to date with what the database does not have yet; wait for the disk.

        An empty mapping deletes the file. `at_once` ignores the pause after a failure. Returns how
        many of the writes are not in the file. Never raises OSError.
        """
        if not unwritten:
            self._delete()
            return 0
        if time.monotonic() < self._retry_at_s and not at_once:
            return self._missing(unwritten)
        try:
            self._append(unwritten, at_once)
        except OSError as error:
            self._fail(error)
        else:
            self._is_failing = False
        self._count_refused(unwritten)
        return self._missing(unwritten)

    def close(self) -> None:
        """Give the file up, as the end of the process does: from now on another may replay it."""
        if self._file >= 0:
            os.close(self._file)
        self._file, self._bytes = -1, 0
        self._written.clear()

    def _append(self, unwritten: Mapping[Hashable, Write], at_once: bool) -> None:
        if self._file < 0:
            self._path, self._file = _new_file(self._folder, self._tag, SUFFIX)
        gone = [key for key in self._written if key not in unwritten]
        changed = [
            Encoded(key, each, line_of(each))
            for key, each in unwritten.items()
            if self._written.get(key) is not each
        ]
        notes = b"".join(stored_line(key_of(self._written[key])) for key in gone)
        room = self._max_bytes - self._bytes - len(notes)
        if sum(len(each.line) for each in changed) <= room:
            self._put(gone, notes, changed)
        elif at_once or time.monotonic() >= self._rewrite_at_s:
            self._rewrite(unwritten)
        elif room > 0:
            self._put(gone, notes, fitting(changed, room))

    def _put(self, gone: list[Hashable], notes: bytes, taken: list[Encoded]) -> None:
        """Append these lines after the last whole one, which a failure may have left behind."""
        data = notes + b"".join(each.line for each in taken)
        os.ftruncate(self._file, self._bytes)
        _write_all(self._file, data, self._bytes)
        if taken:
            os.fsync(self._file)
        self._bytes += len(data)
        for key in gone:
            del self._written[key]
        self._written.update((each.key, each.write) for each in taken)

    def _rewrite(self, unwritten: Mapping[Hashable, Write]) -> None:
        """Replace the file by one with only the newest versions, as many as there is room for."""
        encoded = (Encoded(key, each, line_of(each)) for key, each in unwritten.items())
        taken = fitting(encoded, self._max_bytes)
        path, file = _new_file(self._folder, self._tag, ".new")
        try:
            data = b"".join(each.line for each in taken)
            _write_all(file, data, 0)
            os.fsync(file)
            path.replace(self._path)
            _sync_folder(self._folder)
        except OSError:
            path.unlink(missing_ok=True)
            os.close(file)
            raise
        os.close(self._file)
        self._file, self._bytes = file, len(data)
        self._written = {each.key: each.write for each in taken}
        self._rewrite_at_s = time.monotonic() + REWRITE_PAUSE_S

    def _delete(self) -> None:
        if self._file >= 0:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                self._fail(error)
        self.close()
        self._refused.clear()
        self._is_failing = False

    def _fail(self, error: OSError) -> None:
        if not self._is_failing:
            log_event(_log, logging.ERROR, "spool.failed", error=type(error).__name__)
        self._is_failing = True
        self._retry_at_s = time.monotonic() + FAILURE_PAUSE_S

    def _missing(self, unwritten: Mapping[Hashable, Write]) -> int:
        return sum(self._written.get(key) is not each for key, each in unwritten.items())

    def _count_refused(self, unwritten: Mapping[Hashable, Write]) -> None:
        """Count each write that is not in the file in any version, once."""
        new = [key for key in unwritten if key not in self._written and key not in self._refused]
        self._refused.update(dict.fromkeys(new))
        self._refused_total += len(new)
        if new:
            log_event(_log, logging.ERROR, "spool.refused", rows=len(new), bytes=self._bytes)


def lock(file: int) -> bool:
    """Lock an open file for this process. Returns False if another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _new_file(folder: Path, tag: str, suffix: str) -> tuple[Path, int]:
    """Create a file that only its owner may read, and lock it. Raises OSError."""
    make_folder(folder)
    while True:
        path = folder / f"{tag}-{uuid4().hex}{suffix}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # A replay that has found the empty file before it was locked deletes it.
            if lock(file) and os.fstat(file).st_nlink:
                _sync_folder(folder)
                return path, file
        except OSError:
            os.close(file)
            raise
        os.close(file)


def _write_all(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done


def _sync_folder(folder: Path) -> None:
    """Make the names in this folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
