"""Stores the turns that a browser reports of a direct session, which no server of ours saw.

A reported turn has no call. It is marked (`Turn.is_reported`), and the mark stays. What the relay
or the chat has stored is never changed by a report: a report with the same item id is ignored, also
of a part that the item does not have, since a model gets all parts of an item as one. The other way
round, a turn that the relay stores later under the item id of a reported one gets an id of its own
(`conversations.writing`).

Each batch with a new turn reserves a block of positions under the session's lock, as a typed
exchange does (`conversations.lifecycle`): new turns come after everything that began before, in the
order of the batch. A turn that is reported again keeps its place.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from backend.conversations.column_fitting import storable_turn
from backend.conversations.lifecycle import POSITIONS_PER_BLOCK, lock_session
from backend.conversations.models import Session, Turn
from backend.conversations.writing import TurnWrite, write
from backend.database import atomic
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import TurnStatus

_Key = tuple[str, int]


def keep_reported(session_id: UUID, user_id: int, reported: Sequence[turns.Turn]) -> list[Turn]:
    """Store these turns of the user's session, given in spoken order. Returns each as it is stored,
    once, in that order: a turn that is not the browser's to change is returned as it was, and one
    that would extend an item that is not the browser's is dropped.

    Storing a turn again updates it, but a final status never goes back to `in_progress`. The
    positions of the given turns are not used. Raises AdmissionRefused: `session_unknown`,
    `session_closed`.
    """
    newest = _newest_by_key(map(storable_turn, reported))
    with atomic():
        session, _ = lock_session(session_id, user_id)
        stored = _stored(session_id, newest)
        first_position = session.next_position
        fixed = _items_not_reported(session_id, newest)
        new = [
            turn for key, turn in newest.items() if key not in stored and turn.item_id not in fixed
        ]
        writes = [
            *(_write(session_id, first_position, turn, place) for place, turn in enumerate(new)),
            *(
                _update(row, newest[key])
                for key, row in stored.items()
                if _may_update(row, newest[key])
            ),
        ]
        if new:
            Session.objects.filter(pk=session_id).update(
                next_position=first_position + POSITIONS_PER_BLOCK
            )
        if writes:
            write(writes)
        stored = _stored(session_id, newest)
    return [stored[key] for key in newest if key in stored]


def _newest_by_key(reported: Iterable[turns.Turn]) -> dict[_Key, turns.Turn]:
    """The newest version of each turn, in the order of the first ones."""
    newest: dict[_Key, turns.Turn] = {}
    for turn in reported:
        key = (turn.item_id, turn.content_index)
        if key not in newest or _is_newer(newest[key].status, turn):
            newest[key] = turn
    return newest


def _is_newer(status: str, turn: turns.Turn) -> bool:
    """Whether the turn may follow a version with this status: a final one stays final."""
    return status == TurnStatus.IN_PROGRESS or turn.status != TurnStatus.IN_PROGRESS


def _may_update(row: Turn, turn: turns.Turn) -> bool:
    return row.is_reported and _is_newer(row.status, turn)


def _update(row: Turn, turn: turns.Turn) -> TurnWrite:
    """The write of a turn that was reported before, at the place that it has."""
    place = row.position % POSITIONS_PER_BLOCK
    return _write(row.session_id, row.position - place, turn, place)


def _write(session_id: UUID, first_position: int, turn: turns.Turn, place: int) -> TurnWrite:
    """The write of a turn at this place of the block that begins at `first_position`."""
    placed = turn._replace(position=place)
    return TurnWrite(session_id, None, first_position, placed, is_reported=True)


def _items_not_reported(session_id: UUID, keys: Iterable[_Key]) -> set[str]:
    """The ids of those items of these keys of which the relay or the chat has stored a part."""
    rows = Turn.objects.filter(
        session_id=session_id, item_id__in={item_id for item_id, _ in keys}, is_reported=False
    )
    return set(rows.values_list("item_id", flat=True))


def _stored(session_id: UUID, keys: Iterable[_Key]) -> dict[_Key, Turn]:
    """The rows that have these keys, by key."""
    wanted = set(keys)
    rows = Turn.objects.filter(
        session_id=session_id, item_id__in={item_id for item_id, _ in wanted}
    )
    by_key = {(row.item_id, row.content_index): row for row in rows}
    return {key: row for key, row in by_key.items() if key in wanted}
