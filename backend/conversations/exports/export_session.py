"""The use case: export one session in one format. The API and the admin call the same function."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from backend.conversations import queries
from backend.conversations.exports import as_csv, as_json, as_text, as_webvtt
from backend.conversations.exports.document import Document
from backend.conversations.exports.filenames import filename
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.queries import SessionWithFacts

BATCH_ROWS = 200
CHUNK_CHARACTERS = 32 * 1024
"""A chunk is one step of the stream: big enough that 2,000 turns take about ten."""

FormatName = Literal["json", "txt", "csv", "vtt"]

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Format:
    """One export format. `label` is its name for people."""

    name: FormatName
    label: str
    content_type: str
    render: Callable[[Document], Iterator[str]]


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("json", "JSON", "application/json", as_json.render),
        Format("txt", "TXT", "text/plain; charset=utf-8", as_text.render),
        Format("csv", "CSV", "text/csv; charset=utf-8", as_csv.render),
        Format("vtt", "WebVTT", "text/vtt; charset=utf-8", as_webvtt.render),
    )
}
DEFAULT_FORMAT: FormatName = "json"


@dataclass(frozen=True, slots=True)
class Export:
    """A file: its name, an ASCII name for old clients, its content type, and its bytes in chunks.

    `chunks` is read once. Each step of it queries the database for at most a few batches, holds
    neither a cursor nor a transaction between two steps, and may run in another thread than the
    step before.
    """

    filename: str
    ascii_filename: str
    content_type: str
    chunks: Iterator[bytes]


def export_session(session: SessionWithFacts, format_name: str) -> Export:
    """Export the session, with constant memory. Raises KeyError for an unknown format.

    Turns that are written meanwhile are included if they come after what is exported already.
    """
    document = Document(
        session=session,
        username=session.user.get_username(),
        spent=queries.spent_by_session([session.pk]).get(session.pk, queries.NOTHING_SPENT),
        calls=tuple(session.calls.all()),
        turns=turns_in_batches(session),
        usages=usages_in_batches(session),
    )
    return _export(document, FORMATS[format_name])


def export_small_sessions(
    sessions: Sequence[SessionWithFacts], format_name: str
) -> Iterator[Export]:
    """Export each of these sessions, like `export_session`, with one query for each kind of row.

    All of their rows are in memory, so together they must be small.
    """
    session_ids = [session.pk for session in sessions]
    spent = queries.spent_by_session(session_ids)
    calls = _by_session(Call.objects.filter(session_id__in=session_ids))
    turns = _by_session(Turn.objects.filter(session_id__in=session_ids))

    @cache
    def usages() -> Mapping[UUID, list[Usage]]:
        return _by_session(Usage.objects.filter(session_id__in=session_ids))

    def usages_of(session_id: UUID) -> Iterator[Usage]:
        """Only one of the formats has usages, so they are read when it comes to them."""
        yield from usages().get(session_id, ())

    for session in sessions:
        document = Document(
            session=session,
            username=session.user.get_username(),
            spent=spent.get(session.pk, queries.NOTHING_SPENT),
            calls=tuple(calls.get(session.pk, ())),
            turns=turns.get(session.pk, ()),
            usages=usages_of(session.pk),
        )
        yield _export(document, FORMATS[format_name])


def _export(document: Document, chosen: Format) -> Export:
    session = document.session
    return Export(
        filename=filename(session.title, session.created_at, chosen.name),
        ascii_filename=f"kaiwa-{session.created_at:%Y-%m-%d}.{chosen.name}",
        content_type=chosen.content_type,
        chunks=_in_chunks(chosen.render(document)),
    )


def _by_session(rows: QuerySet[Row]) -> dict[UUID, list[Row]]:
    """The rows in their order, by the session they are of."""
    found: defaultdict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.session_id].append(row)  # type: ignore[attr-defined]
    return found


def turns_in_batches(session: Session, batch_rows: int = BATCH_ROWS) -> Iterator[Turn]:
    """The session's turns in spoken order, read in batches by their position."""
    after = Q()
    while batch := list(session.turns.filter(after)[:batch_rows]):
        yield from batch
        last = batch[-1]
        after = Q(position__gt=last.position) | Q(position=last.position, pk__gt=last.pk)


def usages_in_batches(session: Session, batch_rows: int = BATCH_ROWS) -> Iterator[Usage]:
    """The session's usages as they were written, read in batches by their key."""
    last_pk = 0
    while batch := list(session.usages.filter(pk__gt=last_pk)[:batch_rows]):
        yield from batch
        last_pk = batch[-1].pk


def _in_chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    """Join pieces to chunks of at least `CHUNK_CHARACTERS`, but for the last."""
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_CHARACTERS:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting).encode()
