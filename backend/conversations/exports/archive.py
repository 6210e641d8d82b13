"""Exports many sessions in one format, as a ZIP archive that is generated while it is sent."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from uuid import UUID

from backend.conversations.exports.export_session import (
    Export,
    export_session,
    export_small_sessions,
)
from backend.conversations.models import Session
from backend.conversations.queries import SessionWithFacts, with_facts

SESSIONS_AT_ONCE = 10
TURNS_AT_ONCE = 1000
"""Sessions with more turns than this are read one by one, in batches of their own."""

EARLIEST_YEAR = 1980
"""The first year that a ZIP archive can express."""


def export_archive(session_ids: Sequence[UUID], format_name: str) -> Export:
    """Export these sessions in this order. Raises KeyError for an unknown format.

    Files with equal names are numbered. A session deleted during the export is left out.
    """
    name = f"kaiwa-{format_name}.zip"
    return Export(name, name, "application/zip", _archive(session_ids, format_name))


def _archive(session_ids: Sequence[UUID], format_name: str) -> Iterator[bytes]:
    out = _DrainableFile()
    taken: set[str] = set()
    # `out` cannot seek, so each size follows its file, in a data descriptor. Every ZIP reader
    # supports that.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for session, export in _exports(session_ids, format_name):
            with archive.open(_entry(session, export, taken), "w") as file:
                for chunk in export.chunks:
                    file.write(chunk)
                    yield out.drain()
            yield out.drain()
    yield out.drain()


def _exports(
    session_ids: Sequence[UUID], format_name: str
) -> Iterator[tuple[SessionWithFacts, Export]]:
    """The sessions in this order, each with its file. Few are read at once, and small ones only."""
    for start in range(0, len(session_ids), SESSIONS_AT_ONCE):
        wanted = session_ids[start : start + SESSIONS_AT_ONCE]
        sessions = with_facts(Session.objects.select_related("user")).in_bulk(wanted)
        found = [sessions[pk] for pk in wanted if pk in sessions]
        if sum(session.turn_count for session in found) <= TURNS_AT_ONCE:
            yield from zip(found, export_small_sessions(found, format_name), strict=True)
        else:
            for session in found:
                yield session, export_session(session, format_name)


def _entry(session: SessionWithFacts, export: Export, taken: set[str]) -> zipfile.ZipInfo:
    updated_at = session.updated_at
    time = updated_at.timetuple()[:6] if updated_at.year >= EARLIEST_YEAR else (1980, 1, 1, 0, 0, 0)
    entry = zipfile.ZipInfo(unique_name(export.filename, taken), time)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def unique_name(name: str, taken: set[str]) -> str:
    """Return `name`, or `<stem> (2).<extension>` and so on if it is in `taken`; add it there.

    Case is ignored, because Windows and macOS would unpack both names to one file.
    """
    stem, _, extension = name.rpartition(".")
    unique, number = name, 1
    while unique.casefold() in taken:
        number += 1
        unique = f"{stem} ({number}).{extension}"
    taken.add(unique.casefold())
    return unique


class _DrainableFile(io.RawIOBase):
    """A file in memory that can be written and drained, but cannot seek."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        copied = bytes(data)  # type: ignore[call-overload]
        self._written.append(copied)
        return len(copied)

    def drain(self) -> bytes:
        """Remove and return the bytes written since the last call."""
        drained = b"".join(self._written)
        self._written.clear()
        return drained
