"""What a new call tells the model of earlier ones: what was said, and of replies what was heard."""

from collections.abc import Iterable
from uuid import UUID

from backend.conversations.models import Turn
from backend.protocol.transcript.turns import Role, TurnStatus
from backend.relay.plan import PastItem

MOST_ITEMS = 100
MOST_CHARACTERS = 24_000
"""About 6,000 tokens of English or 24,000 of Japanese, of the 32,000 that the model takes: the
older part is left out, and the call has room to go on."""

_SPEAKERS = (Role.USER, Role.ASSISTANT)


def past_of(session_id: UUID) -> tuple[PastItem, ...]:
    """The session's newest items in spoken order."""
    newest = (
        Turn.objects.filter(session_id=session_id, role__in=_SPEAKERS)
        .exclude(status=TurnStatus.FAILED)
        .order_by("-position", "-id")[: MOST_ITEMS * 2]
    )
    return remembered(reversed(newest))


def remembered(turns: Iterable[Turn]) -> tuple[PastItem, ...]:
    """Turns in spoken order as items: parts of one joined, silence left out, the oldest cut off.

    Where playback was cut off only the heard part is told; where nothing is known about that (the
    connection died in mid-reply) the text so far, which is the nearest there is to it.
    """
    texts: dict[str, list[str]] = {}
    roles: dict[str, Role] = {}
    for turn in turns:
        text = (turn.text if turn.heard_text is None else turn.heard_text).strip()
        if text:
            texts.setdefault(turn.item_id, []).append(text)
            roles[turn.item_id] = Role(turn.role)
    kept: list[PastItem] = []
    room = MOST_CHARACTERS
    for item_id, parts in reversed(texts.items()):
        text = " ".join(parts)
        room -= len(text)
        if room < 0 or len(kept) == MOST_ITEMS:
            break
        kept.append(PastItem(item_id, roles[item_id], text))
    return tuple(reversed(kept))
