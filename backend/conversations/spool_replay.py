"""Stores what processes left in their spool files when they ended, and deletes the files.

Any process may do it, at any time: the lock of a file (`spool.lock`) says whether its process still
lives, and lets one process at a time store it. Storing a file twice is harmless, so a replay that
is cut off is simply done again. What belongs to sessions that are gone for good is dropped.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from backend.conversations import spool_format
from backend.conversations.spool import SUFFIX, lock, make_folder
from backend.conversations.spool_format import rank
from backend.conversations.writing import TurnWrite, Write, Written, write_replayed
from backend.database import DATABASE_UNAVAILABLE
from backend.protocol.transcript.turns import TurnStatus
from backend.telemetry.logs import log_event

BATCH_SIZE = 500
INVALID_SUFFIX = ".invalid"
KEEP_INVALID_S = 7 * 24 * 3600.0
"""How long lines that could not be read are kept for an operator. They may hold words of sessions
that have been deleted since, so they are not kept for ever."""

WriteReplayed = Callable[[Sequence[Write]], Written]
Announce = Callable[[Written], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: files and writes that were stored, and lines that could not be read."""

    files: int = 0
    writes: int = 0
    invalid: int = 0


def replay(
    folder: Path,
    tag: str,
    *,
    write: WriteReplayed = write_replayed,
    announce: Announce = lambda _: None,
    undeleted: set[Path] | None = None,
) -> Replayed:
    """Store and delete the files of this database whose processes have ended.

    `announce` receives what each transaction stored. Raises what the database raises while it is
    unavailable; the files that are left are stored by the next replay. So is a file that cannot be
    read, which keeps none of the others waiting. A file that was stored and cannot be deleted is
    added to `undeleted`, and those in there are left alone.
    """
    undeleted = set() if undeleted is None else undeleted
    total = Replayed()
    for path in sorted(folder.glob(f"{tag}-*{SUFFIX}")):
        if path in undeleted:
            continue
        try:
            found = _replay_file(path, write, announce, undeleted)
        except DATABASE_UNAVAILABLE:
            raise
        except OSError as error:
            log_event(_log, logging.ERROR, "spool.file_failed", error=type(error).__name__)
            continue
        total = Replayed(
            total.files + found.files, total.writes + found.writes, total.invalid + found.invalid
        )
    return total


def _replay_file(
    path: Path, write: WriteReplayed, announce: Announce, undeleted: set[Path]
) -> Replayed:
    """Store and delete one file, unless its process lives. Raises OSError."""
    with _claimed(path) as file:
        if file is None:
            return Replayed()
        contents = spool_format.read(file)
        # First set aside, so that a replay that is cut off loses none of them.
        _set_aside(path.with_suffix(INVALID_SUFFIX), contents.invalid)
        writes = sorted(map(_as_ended, contents.writes.values()), key=_order)
        _store(writes, write, announce)
        log_event(_log, logging.WARNING, "spool.replayed", rows=len(writes))
        if contents.invalid:
            log_event(_log, logging.ERROR, "spool.lines_invalid", count=len(contents.invalid))
        try:
            path.unlink()
        except OSError:
            undeleted.add(path)
            raise
    return Replayed(1, len(writes), len(contents.invalid))


def tidy(folder: Path) -> None:
    """Delete the lines that were set aside long ago, and files that a rewrite has left unfinished.

    Raises OSError.
    """
    for path in folder.glob(f"*{INVALID_SUFFIX}"):
        if path.stat().st_mtime < time.time() - KEEP_INVALID_S:
            path.unlink(missing_ok=True)
    for path in folder.glob("*.new"):
        with _claimed(path) as file:
            if file is not None:
                path.unlink(missing_ok=True)


def files_of_other_databases(folder: Path, tag: str) -> int:
    """How many spool files in this folder belong to another database, and are not replayed here."""
    return sum(not path.name.startswith(f"{tag}-") for path in folder.glob(f"*{SUFFIX}"))


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[BinaryIO | None]:
    """Open and lock a file. Yields None if its process lives, or another one has taken it."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            is_ours = lock(file.fileno()) and os.path.samestat(os.fstat(file.fileno()), path.stat())
        except FileNotFoundError:
            is_ours = False
        yield file if is_ours else None


def _as_ended(each: Write) -> Write:
    """A typed answer that its process has not finished has failed, and may be requested again.

    A turn of a call is `interrupted` as soon as its call has ended (`writing.write_replayed`).
    """
    if isinstance(each, TurnWrite) and each.call_id is None:
        turn = each.turn
        if turn.status == TurnStatus.IN_PROGRESS:
            return replace(each, turn=turn._replace(status=TurnStatus.FAILED))
    return each


def _order(each: Write) -> tuple[int, int]:
    """Turns in spoken order, then usages, and endings last."""
    position = each.first_position + each.turn.position if isinstance(each, TurnWrite) else 0
    return -min(rank(each), 2), position


def _store(writes: Sequence[Write], write: WriteReplayed, announce: Announce) -> None:
    for start in range(0, len(writes), BATCH_SIZE):
        batch = writes[start : start + BATCH_SIZE]
        try:
            announce(write(batch))
        except DATABASE_UNAVAILABLE:
            raise
        except Exception:
            _store_one_by_one(batch, write, announce)


def _store_one_by_one(batch: Sequence[Write], write: WriteReplayed, announce: Announce) -> None:
    """Store each alone, so that one that the database refuses costs only itself."""
    for each in batch:
        try:
            written = write((each,))
        except DATABASE_UNAVAILABLE:
            raise
        except Exception as error:
            log_event(
                _log, logging.ERROR, "recorder.row_refused",
                call_id=each.call_id, session_id=each.session_id,
                where=type(each).__name__, error=type(error).__name__,
            )  # fmt: skip
        else:
            announce(written)


def _set_aside(path: Path, lines: Sequence[bytes]) -> None:
    if not lines:
        return
    make_folder(path.parent)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.writelines(lines)
        opened.flush()
        os.fsync(file)
