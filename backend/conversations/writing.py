"""Writes turns, usages and endings to the database. Writing anything twice is harmless.

A turn's row belongs to the call or exchange that wrote it first, because a client may choose item
ids and must not be able to overwrite what was recorded. If another call or exchange of the session
uses the same item id, its turn is stored under an id of its own. A final status never goes back to
`in_progress`. The session's row is locked meanwhile, and one writer at a time writes for a call, so
an older version of a turn cannot overtake a newer one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from backend.conversations.column_fitting import (
    storable_id,
    storable_turn,
)
from backend.conversations.ledger import UsageWrite, counted_of, write_usages
from backend.conversations.lifecycle import POSITIONS_PER_BLOCK, end_call
from backend.conversations.models import Session, Turn
from backend.conversations.session_locks import LockedSession, lock_sessions, touch_sessions
from backend.conversations.turn_rows import (
    StoredTurn,
    TurnKey,
    TurnRow,
    grow,
    stored_turns,
    upsert,
)
from backend.database import atomic
from backend.protocol.endings import Ending
from backend.protocol.graphemes import cut
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

TITLE_CHARACTERS = 40

_Owner = UUID | int
"""A call's id, or the first position of an exchange without a call."""


@dataclass(frozen=True, slots=True)
class TurnWrite:
    """A turn to store. Its position counts from `first_position`, its block's start.

    `is_reported`: only the browser saw it. A row keeps what it was stored with.
    """

    session_id: UUID
    call_id: UUID | None
    first_position: int
    turn: turns.Turn
    is_reported: bool = False

    @property
    def owner(self) -> _Owner:
        """The call or exchange that this turn is part of."""
        return self.first_position if self.call_id is None else self.call_id


@dataclass(frozen=True, slots=True)
class EndingWrite:
    """The ending of a call, to store."""

    session_id: UUID
    call_id: UUID
    ending: Ending


Write = TurnWrite | UsageWrite | EndingWrite


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction stored. Turns and endings of sessions that are gone for good are left
    out; their usages are stored without a session.

    `turns` are as stored: with their final item id and status. `endings` are the endings that the
    calls now have: the first one wins. `renamed` are the turns, as handed in, that were stored
    under another item id. `costs` has the model and the cost in USD of each usage that was not
    stored before; None if its price is unknown. For an estimate that was corrected it has what the
    cost grew by, and nothing if it did not grow. `untitled` are the sessions whose title is no
    better than their first words (`Session.TitleSource`).
    """

    turns: tuple[TurnWrite, ...] = ()
    endings: tuple[EndingWrite, ...] = ()
    renamed: tuple[TurnWrite, ...] = ()
    costs: tuple[tuple[str, Decimal | None], ...] = ()
    untitled: frozenset[UUID] = frozenset()


def merged(earlier: Write, later: Write) -> Write:
    """Merge two writes of the same turn, usage or ending into one.

    The newest version of a turn counts, with a final status kept; of usages the first confirmed
    one (`ledger.counted_of`); the first ending. The database follows the same rules.
    """
    if isinstance(earlier, TurnWrite) and isinstance(later, TurnWrite):
        return _keeping_final(earlier.turn.status, later)
    if isinstance(earlier, UsageWrite) and isinstance(later, UsageWrite):
        return counted_of(earlier, later)
    return earlier


def _keeping_final(earlier: str, later: TurnWrite) -> TurnWrite:
    """`later`, except that a turn whose status was final stays final."""
    # Usually both are equal: then the enum member is not looked up (0.4 us in Python 3.11).
    if earlier != later.turn.status == TurnStatus.IN_PROGRESS:
        return replace(later, turn=later.turn._replace(status=TurnStatus(earlier)))
    return later


def write(writes: Sequence[Write]) -> Written:
    """Store all of these in one transaction, or nothing and raise."""
    return _write(writes, is_newest=True)


def write_replayed(writes: Sequence[Write]) -> Written:
    """Store what a process left behind when it ended (`spool_replay`), as `write` does.

    What is in the database may be newer: the process can have ended after it had stored a turn and
    before it could note that. Such a turn stays as it is. No turn stays in progress if its call has
    ended, which may have been written before this.
    """
    with atomic():
        written = _write(writes, is_newest=False)
        call_ids = {each.call_id for each in writes if each.call_id is not None}
        Turn.objects.filter(
            call_id__in=call_ids, call__ended_at__isnull=False, status=TurnStatus.IN_PROGRESS
        ).update(status=TurnStatus.INTERRUPTED)
    return written


def _write(writes: Sequence[Write], *, is_newest: bool) -> Written:
    with atomic():
        sessions = lock_sessions({each.session_id for each in writes})
        existing = [each for each in writes if each.session_id in sessions]
        turn_writes = [_storable(each) for each in existing if isinstance(each, TurnWrite)]
        stored, renamed, changed = _write_turns(turn_writes, is_newest=is_newest)
        usage_writes = [each for each in writes if isinstance(each, UsageWrite)]
        costs = write_usages(usage_writes, sessions, is_newest=is_newest)
        _touch_sessions(sessions, [each for each in turn_writes if each.session_id in changed])
        endings = [
            replace(each, ending=ending)
            for each in existing
            if isinstance(each, EndingWrite)
            and (ending := end_call(each.call_id, each.ending)) is not None
        ]
    untitled = frozenset(
        pk for pk, each in sessions.items() if each.title_source == Session.TitleSource.WORDS
    )
    return Written(tuple(stored), tuple(endings), tuple(renamed), costs, untitled)


def _storable(each: TurnWrite) -> TurnWrite:
    turn = storable_turn(each.turn)
    return each if turn is each.turn else replace(each, turn=turn)


def _write_turns(
    writes: Sequence[TurnWrite], *, is_newest: bool
) -> tuple[list[TurnWrite], list[TurnWrite], set[UUID]]:
    """Store the turns. Returns all of them as stored, the renamed ones as they were given, and the
    sessions of those that are new or final.

    Unless `is_newest`, a turn whose row is newer is left out.
    """
    rows = _rows_with(writes)
    owners = _owners(writes, rows)
    renamed = []
    # One row per key: PostgreSQL refuses an upsert that has the same row twice.
    by_key: dict[TurnKey, TurnWrite] = {}
    for each in writes:
        key, own = _row_key(each), each
        if owners[key] != each.owner:
            renamed.append(each)
            own = _renamed(each)
            key = _row_key(own)
        earlier = by_key.get(key)
        by_key[key] = _keeping_final(earlier.turn.status, own) if earlier else own
    if renamed:
        rows = _rows_with(by_key.values())
    if not is_newest:
        _leave_out_older(by_key)
    changed = _store(by_key, {row.key: row for row in rows})
    return list(by_key.values()), renamed, changed


def _store(by_key: dict[TurnKey, TurnWrite], stored: Mapping[TurnKey, StoredTurn]) -> set[UUID]:
    """Store these turns over the rows that have their keys; a final status of a row is kept.

    Returns the sessions of those that are new or final.
    """
    growing, others, changed = [], [], set()
    for key, each in by_key.items():
        if (row := stored.get(key)) is None:
            own = each
        else:
            own = by_key[key] = _keeping_final(row.status, each)
        given = _row(own)
        if row is None or not row.has_place_of(given):
            others.append(given)
        else:
            growing.append((row.id, given))
        if row is None or own.turn.status != TurnStatus.IN_PROGRESS:
            changed.add(own.session_id)
    grow(growing)
    upsert(others)
    return changed


def _leave_out_older(by_key: dict[TurnKey, TurnWrite]) -> None:
    """Remove the turns whose rows are newer than they are."""
    session_ids = {each.session_id for each in by_key.values()}
    item_ids = {each.turn.item_id for each in by_key.values()}
    for row in Turn.objects.filter(session_id__in=session_ids, item_id__in=item_ids):
        key = (row.session_id.int, row.item_id, row.content_index)
        if key in by_key and _is_newer(row, by_key[key].turn):
            del by_key[key]


def _is_newer(row: Turn, turn: turns.Turn) -> bool:
    """Whether the row is a later version than this one: of a later attempt, ended later, or longer.

    A turn that is in progress only grows.
    """
    if row.started_at and turn.started_at and row.started_at != turn.started_at:
        return row.started_at > turn.started_at
    is_final = turn.status != TurnStatus.IN_PROGRESS
    if (row.status != TurnStatus.IN_PROGRESS) != is_final:
        # The end of a call interrupts its turns in the database, whatever their text is by then.
        is_whole = row.status != TurnStatus.INTERRUPTED or len(row.text) >= len(turn.text)
        return not is_final and is_whole
    if row.completed_at and turn.completed_at and row.completed_at != turn.completed_at:
        return row.completed_at > turn.completed_at
    return not is_final and len(row.text) > len(turn.text)


def _owners(writes: Sequence[TurnWrite], rows: Iterable[StoredTurn]) -> Mapping[TurnKey, _Owner]:
    """The owner of each of these turns' rows: the first that wrote it, or writes it now.

    `rows` has those that are stored.
    """
    owners: dict[TurnKey, _Owner] = {}
    for each in writes:
        owners.setdefault(_row_key(each), each.owner)
    for row in rows:
        block_start = row.position - row.position % POSITIONS_PER_BLOCK
        owners[row.key] = row.call_id or block_start
    return owners


def _rows_with(writes: Iterable[TurnWrite]) -> list[StoredTurn]:
    """The rows of these turns, and possibly others."""
    return stored_turns({(each.session_id, each.turn.item_id) for each in writes})


def _row_key(each: TurnWrite) -> TurnKey:
    return each.session_id.int, each.turn.item_id, each.turn.content_index


def _renamed(each: TurnWrite) -> TurnWrite:
    prefix = str(each.first_position) if each.call_id is None else each.call_id.hex[:8]
    item_id = storable_id(f"{prefix}.{each.turn.item_id}")
    return replace(each, turn=each.turn._replace(item_id=item_id))


def _row(each: TurnWrite) -> TurnRow:
    position = each.first_position + each.turn.position
    return TurnRow(each.session_id, each.call_id, each.is_reported, position, each.turn)


def _touch_sessions(sessions: Mapping[UUID, LockedSession], writes: Iterable[TurnWrite]) -> None:
    """Update `updated_at` and `realtime_mode` of these turns' sessions, and name the untitled.

    Usually only `updated_at` changes: one UPDATE for all of these. And never two for one row: after
    the second, PostgreSQL checks the user's row too, and waits for whoever has it locked.
    """
    now = timezone.now()
    unchanged = set()
    for session_id, own in _by_session(writes).items():
        changes: dict[str, object] = {}
        is_voiced = any(each.turn.modality == Modality.VOICE for each in own)
        if is_voiced and not sessions[session_id].realtime_mode:
            changes["realtime_mode"] = True
        if not sessions[session_id].title and (title := _title(own)):
            changes["title"] = title
        if changes:
            Session.with_deleted.filter(pk=session_id).update(updated_at=now, **changes)
        else:
            unchanged.add(session_id)
    touch_sessions(unchanged, now)


def _by_session(writes: Iterable[TurnWrite]) -> Mapping[UUID, list[TurnWrite]]:
    grouped: dict[UUID, list[TurnWrite]] = {}
    for each in writes:
        grouped.setdefault(each.session_id, []).append(each)
    return grouped


def _title(writes: Iterable[TurnWrite]) -> str:
    """The user's first completed turn, shortened; empty if there is none yet."""
    for each in sorted(writes, key=lambda each: each.first_position + each.turn.position):
        turn = each.turn
        if turn.role == Role.USER and turn.status == TurnStatus.COMPLETED and turn.text.strip():
            return shortened(turn.text)
    return ""


def shortened(text: str, limit: int = TITLE_CHARACTERS) -> str:
    """The text as one line of at most `limit` characters and an ellipsis, cut between words.

    A text without spaces (Japanese) is cut between characters (`graphemes`).
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    start = line[: limit + 1]
    most = start.rindex(" ") if " " in start[limit // 2 :] else limit
    return cut(line, most).rstrip() + "…"
