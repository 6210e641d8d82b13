"""The earlier turns of a session, as a new call replays them to the model: only what was heard."""

from collections.abc import Iterable
from uuid import UUID

from backend.conversations.models import Turn
from backend.protocol.transcript.turns import Role, TurnStatus
from backend.relay.plan import PastItem

MAX_ITEMS = 100
MAX_CHARACTERS = 24_000
"""About 6,000 tokens of English or 24,000 of Japanese, of the model's context of 32,000: older
items are left out, so that the call has room to go on."""

_SPEAKERS = (Role.USER, Role.ASSISTANT)


def past_of(session_id: UUID, before: int | None = None) -> tuple[PastItem, ...]:
    """The session's newest items, in spoken order, in one query of at most 200 rows.

    `before` leaves out this position and all later ones.
    """
    turns = Turn.objects.filter(session_id=session_id, role__in=_SPEAKERS)
    if before is not None:
        turns = turns.filter(position__lt=before)
    newest = turns.exclude(status=TurnStatus.FAILED).order_by("-position", "-id")[: MAX_ITEMS * 2]
    return past_items(reversed(newest))


def past_items(turns: Iterable[Turn]) -> tuple[PastItem, ...]:
    """Convert turns in spoken order to items. Silent ones and, beyond the limits, the oldest go.

    The content parts of an item are joined. If playback was cut off, only the heard part counts. If
    nothing is known about playback (the connection was lost during a reply), the text so far does.
    """
    texts: dict[str, list[str]] = {}
    roles: dict[str, Role] = {}
    for turn in turns:
        text = (turn.text if turn.heard_text is None else turn.heard_text).strip()
        if text:
            texts.setdefault(turn.item_id, []).append(text)
            roles[turn.item_id] = Role(turn.role)
    items: list[PastItem] = []
    room = MAX_CHARACTERS
    for item_id, parts in reversed(texts.items()):
        text = " ".join(parts)
        room -= len(text)
        if room < 0 or len(items) == MAX_ITEMS:
            break
        items.append(PastItem(item_id, roles[item_id], text))
    return tuple(reversed(items))
