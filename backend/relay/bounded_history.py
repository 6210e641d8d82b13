"""The history that is sent to a model: earlier turns, as far as they were heard. PURE.

It holds the newest exchanges whose estimated tokens (`token_estimate`) fit into a bound. An
exchange is a user's turn with all turns until the user's next one, so that no answer is sent
without its question. The newest exchange is always sent, however long it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from backend.protocol.transcript.turns import Role, TurnStatus
from backend.relay.plan import PastItem
from backend.relay.token_estimate import message_tokens

MAX_TURNS = 400
"""The maximum number of turns in a history: a call replays each turn in a frame of its own, and is
ready only when the provider has accepted all of them."""


class StoredTurn(Protocol):
    """What is read of a turn: a `protocol` Turn or a row of the database."""

    @property
    def item_id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def heard_text(self) -> str | None: ...
    @property
    def position(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Past:
    """The history of a session that is sent to a model, in spoken order.

    `remembered_from` is the position of its first turn; None if no turn was left out.
    """

    items: tuple[PastItem, ...] = ()
    remembered_from: int | None = None


def bounded_past(turns: Iterable[StoredTurn], most_tokens: int, *, is_cut: bool = False) -> Past:
    """Convert turns in spoken order to a history of at most `most_tokens` estimated tokens.

    The content parts of an item are joined. If playback was cut off, only the heard text is used.
    If nothing is known about playback (the connection was lost during a reply), all text received
    is used. Failed turns and empty turns are left out.

    `is_cut`: earlier turns exist that are not in `turns`, so the first exchange may be incomplete.
    """
    exchanges = _exchanges(turns)
    oldest = 1 if is_cut and len(exchanges) > 1 else 0
    newest_first: list[PastItem] = []
    first_position: int | None = None
    tokens_left = most_tokens
    for index in range(len(exchanges) - 1, oldest - 1, -1):
        items = [item for item in exchanges[index] if item.parts]
        if not items:
            continue
        said = [PastItem(item.item_id, item.role, " ".join(item.parts)) for item in items]
        tokens_left -= sum(message_tokens(item.text) for item in said)
        if tokens_left < 0 and newest_first:
            return Past(tuple(reversed(newest_first)), first_position)
        newest_first += reversed(said)
        first_position = items[0].position
    return Past(tuple(reversed(newest_first)), first_position if is_cut else None)


@dataclass(slots=True)
class _Item:
    """One item of the conversation. `parts` holds only the text that is sent to a model."""

    item_id: str
    role: Role
    position: int
    parts: list[str] = field(default_factory=list)


def _exchanges(turns: Iterable[StoredTurn]) -> Sequence[Sequence[_Item]]:
    """Group the turns' items by exchange. The first exchange may lack its user's turn."""
    items: dict[str, _Item] = {}
    exchanges: list[list[_Item]] = []
    for turn in turns:
        item = items.get(turn.item_id)
        if item is None:
            item = items[turn.item_id] = _Item(turn.item_id, Role(turn.role), turn.position)
            # A user's turn without text begins one too: the model received its audio and answered.
            if item.role is Role.USER or not exchanges:
                exchanges.append([])
            exchanges[-1].append(item)
        text = (turn.text if turn.heard_text is None else turn.heard_text).strip()
        if text and turn.status != TurnStatus.FAILED:
            item.parts.append(text)
    return exchanges
