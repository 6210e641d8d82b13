"""The history that is sent to a model: a session's earlier turns, as far as they were heard.

The same history is replayed at the start of a call and sent with a typed message. What it holds is
decided by `relay.bounded_history`, since a call replays it to a next connection too; its bound is
`HISTORY_TOKENS`.
"""

from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from backend.conversations.models import Turn
from backend.database import rows_of, uuid_parameter
from backend.protocol.transcript.turns import Role
from backend.relay.bounded_history import MAX_TURNS, Past, bounded_past


class _StoredTurn(NamedTuple):
    """What a history needs of a turn. The names are those of its row's columns."""

    item_id: str
    role: str
    status: str
    text: str
    heard_text: str | None
    position: int


def past_of(session_id: UUID, before: int | None = None) -> Past:
    """Read the history for the session's next question: one query of at most `MAX_TURNS` + 1 rows.

    `before` leaves out this position and all later ones. Written out for the same reason as
    `turn_rows`.
    """
    given: list[object] = [
        uuid_parameter(session_id),
        Role.USER.value,
        Role.ASSISTANT.value,
    ]
    earlier = ""
    if before is not None:
        earlier = " AND position < %s"
        given.append(before)
    newest = rows_of(f"{_SELECT}{earlier} {_NEWEST_FIRST}", given)
    is_cut = len(newest) > MAX_TURNS
    turns_in_order = map(_StoredTurn._make, reversed(newest[:MAX_TURNS]))
    return bounded_past(turns_in_order, settings.HISTORY_TOKENS, is_cut=is_cut)


_SELECT = (
    f"SELECT {', '.join(_StoredTurn._fields)} FROM {Turn._meta.db_table}"
    " WHERE session_id = %s AND role IN (%s, %s)"
)
_NEWEST_FIRST = f"ORDER BY position DESC, id DESC LIMIT {MAX_TURNS + 1}"
