"""TXT: a transcript to read, with who spoke, when, and what was not heard of an answer."""

from collections.abc import Iterator
from uuid import UUID

from backend.conversations.exports.document import Document
from backend.conversations.exports.labels import Labels, labels_of, printable, utc
from backend.conversations.models import Turn
from backend.conversations.reading import split_at_heard

INDENT = "    "
"""Every further line of a turn is indented, so that no text can look like the turn of another."""


def render(document: Document) -> Iterator[str]:
    """The transcript in pieces, one per turn. Without turns it is only the heading."""
    session, labels = document.session, labels_of(document.session)
    started_at = {call.pk: call.started_at for call in document.calls}
    heading = labels.conversation.format(
        name=document.username, time=f"{utc(session.created_at)} UTC"
    )
    yield f"{_one_line(session.title) or labels.untitled}\n{heading}\n"
    current: UUID | None = None
    for turn in document.turns:
        if turn.call_id in started_at and turn.call_id != current:
            time = f"{utc(started_at[turn.call_id])} UTC"
            yield f"\n--- {labels.call.format(time=time)} ---\n"
        current = turn.call_id
        yield _entry(turn, labels, document.username)


def _entry(turn: Turn, labels: Labels, username: str) -> str:
    heard, unheard = split_at_heard(turn.text, turn.heard_text)
    time = f"[{utc(turn.started_at)}] " if turn.started_at else ""
    mark = labels.mark(turn)
    who = f"{labels.speaker(turn, username)}{f' ({mark})' if mark else ''}:"
    entry = f"\n{time}{who} {_indented(heard) or labels.note(turn)}".rstrip() + "\n"
    if unheard.strip():
        entry += f"{INDENT}[{labels.not_heard}:] {_indented(unheard)}\n"
    return entry


def _indented(text: str) -> str:
    return printable(text).strip().replace("\n", f"\n{INDENT}")


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())
