"""The earlier turns of a session, as a model is given them: only what was heard, and bounded.

The same history is replayed to a call and sent with a typed message. It holds the newest exchanges
whose estimated tokens (`token_estimate`) fit into `HISTORY_TOKENS`. An exchange begins at a user's
turn and has all that follows until the user's next one, so that no answer is given without its
question. The newest exchange is always given, however long it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from backend.conversations.models import Turn
from backend.conversations.token_estimate import message_tokens
from backend.protocol.transcript.turns import Role, TurnStatus
from backend.relay.plan import PastItem

MAX_TURNS = 400
"""The most turns of a history, however short they are: a call replays each as a frame of its own,
and is ready only when the provider has accepted all of them."""

_SPEAKERS = (Role.USER, Role.ASSISTANT)
_COLUMNS = ("item_id", "role", "status", "text", "heard_text", "position")


@dataclass(frozen=True, slots=True)
class Past:
    """What a model is given of a session, in spoken order.

    `remembered_from` is the position of its first turn; None if nothing was left out.
    """

    items: tuple[PastItem, ...] = ()
    remembered_from: int | None = None


def past_of(session_id: UUID, before: int | None = None) -> Past:
    """The history for the session's next question, in one query of at most `MAX_TURNS` + 1 rows.

    `before` leaves out this position and all later ones.
    """
    turns = Turn.objects.filter(session_id=session_id, role__in=_SPEAKERS)
    if before is not None:
        turns = turns.filter(position__lt=before)
    newest = list(turns.order_by("-position", "-id").only(*_COLUMNS)[: MAX_TURNS + 1])
    is_cut = len(newest) > MAX_TURNS
    turns_in_order = reversed(newest[:MAX_TURNS])
    return bounded_past(turns_in_order, settings.HISTORY_TOKENS, is_cut=is_cut)


def bounded_past(turns: Iterable[Turn], most_tokens: int, *, is_cut: bool = False) -> Past:
    """Convert turns in spoken order to a history of at most `most_tokens` estimated tokens.

    The content parts of an item are joined. If playback was cut off, only the heard part counts. If
    nothing is known about playback (the connection was lost during a reply), the text so far does.
    A failed turn and an empty one are left out.

    `is_cut`: there are earlier turns, and the first exchange may lack its beginning.
    """
    exchanges = _exchanges(turns)
    oldest = 1 if is_cut and len(exchanges) > 1 else 0
    kept: list[PastItem] = []
    first_position: int | None = None
    room = most_tokens
    for index in range(len(exchanges) - 1, oldest - 1, -1):
        items = [item for item in exchanges[index] if item.text]
        if not items:
            continue
        room -= sum(message_tokens(item.text) for item in items)
        if room < 0 and kept:
            return Past(tuple(kept), first_position)
        kept[:0] = [PastItem(item.item_id, item.role, item.text) for item in items]
        first_position = items[0].position
    return Past(tuple(kept), first_position if is_cut else None)


@dataclass(slots=True)
class _Item:
    """One item of the conversation; its parts are those that a model may be given."""

    item_id: str
    role: Role
    position: int
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.parts)


def _exchanges(turns: Iterable[Turn]) -> Sequence[Sequence[_Item]]:
    """The turns' items by exchange. Of the first exchange the user's turn may be missing."""
    items: dict[str, _Item] = {}
    exchanges: list[list[_Item]] = []
    for turn in turns:
        item = items.get(turn.item_id)
        if item is None:
            item = items[turn.item_id] = _Item(turn.item_id, Role(turn.role), turn.position)
            # Also a user's turn without words begins one: its speech was heard, and was answered.
            if item.role is Role.USER or not exchanges:
                exchanges.append([])
            exchanges[-1].append(item)
        text = (turn.text if turn.heard_text is None else turn.heard_text).strip()
        if text and turn.status != TurnStatus.FAILED:
            item.parts.append(text)
    return exchanges
