"""The history that is sent to a model: a session's earlier turns, as far as they were heard.

The same history is replayed at the start of a call and sent with a typed message. What it holds is
decided by `relay.bounded_history`, since a call replays it to a next connection too; its bound is
`HISTORY_TOKENS`.
"""

from uuid import UUID

from django.conf import settings

from backend.conversations.models import Turn
from backend.protocol.transcript.turns import Role
from backend.relay.bounded_history import MAX_TURNS, Past, bounded_past

_SPEAKERS = (Role.USER, Role.ASSISTANT)
_COLUMNS = ("item_id", "role", "status", "text", "heard_text", "position")


def past_of(session_id: UUID, before: int | None = None) -> Past:
    """Read the history for the session's next question: one query of at most `MAX_TURNS` + 1 rows.

    `before` leaves out this position and all later ones.
    """
    turns = Turn.objects.filter(session_id=session_id, role__in=_SPEAKERS)
    if before is not None:
        turns = turns.filter(position__lt=before)
    newest = list(turns.order_by("-position", "-id").only(*_COLUMNS)[: MAX_TURNS + 1])
    is_cut = len(newest) > MAX_TURNS
    turns_in_order = reversed(newest[:MAX_TURNS])
    return bounded_past(turns_in_order, settings.HISTORY_TOKENS, is_cut=is_cut)
