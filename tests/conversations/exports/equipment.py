"""A document to export, made of rows that are not stored."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backend.conversations.exports.document import Document
from backend.conversations.models import Call, Session, Turn
from backend.conversations.queries import NOTHING_SPENT
from tests.conversations.equipment import NOON

CALL_ID = UUID(int=1)


def at(seconds: float) -> datetime:
    """A time this many seconds after the first call's start."""
    return NOON + timedelta(seconds=seconds)


def row(text: str = "Hello there.", **fields: Any) -> Turn:
    """A spoken turn of the user in the first call, from 1 s to 2 s."""
    given: dict[str, Any] = {
        "role": "user", "modality": "voice", "status": "completed", "call_id": CALL_ID,
        "position": 0, "item_id": "item_1", "started_at": at(1), "completed_at": at(2),
    }  # fmt: skip
    return Turn(text=text, **given | fields)


def cut_off(text: str, heard: str, **fields: Any) -> Turn:
    """An interrupted answer, of which this beginning was heard for 1.5 s."""
    given = {"role": "assistant", "status": "interrupted", "heard_text": heard, "heard_ms": 1500}
    return row(text, **given | fields)


def document(
    *turns: Turn, title: str = "Bread", language: str = "en", calls: tuple[Call, ...] | None = None
) -> Document:
    """A document with these turns and one call at noon."""
    if calls is None:
        calls = (Call(id=CALL_ID, started_at=NOON),)
    session: Any = Session(title=title, language=language, created_at=NOON, updated_at=NOON)
    session.live, session.turn_count, session.call_count = False, len(turns), len(calls)
    return Document(session, "owner", NOTHING_SPENT, calls, turns, ())
