"""Writes what calls said and cost, so that writing twice is harmless: the recorder's hand.

The law of a turn's row: the call that wrote it first owns it, since a client may choose item ids
and the record must not be forgeable. Another call's turn under the same item id is no less true: it
is written under a name of its own. A final status never goes back to `in_progress`. One writer at
a time writes for a call, so what is read here cannot be overtaken by an older version of itself.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from backend import catalogue
from backend.conversations.lifecycle import OpenedCall, end_call
from backend.conversations.models import Session, Turn, Usage
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.reading import clean_text
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

TITLE_CHARACTERS = 40
ITEM_ID_CHARACTERS = 128

_Key = tuple[UUID, str, int]


@dataclass(frozen=True, slots=True)
class TurnWrite:
    """A turn of a call."""

    call: OpenedCall
    turn: turns.Turn


@dataclass(frozen=True, slots=True)
class UsageWrite:
    """A usage of a call."""

    call: OpenedCall
    usage: usage.Usage


@dataclass(frozen=True, slots=True)
class EndingWrite:
    """How a call ended."""

    call: OpenedCall
    ending: Ending


Write = TurnWrite | UsageWrite | EndingWrite


def write(pieces: Sequence[Write]) -> list[TurnWrite]:
    """Write all of it in one transaction, or nothing and raise.

    What belongs to a deleted session is left out. Returned are the turns that were given a name of
    their own because another call of the session wrote their item first.
    """
    with transaction.atomic():
        wanted = {piece.call.session_id for piece in pieces}
        # Locked in one order, so that two workers cannot wait for each other; and a session cannot
        # be deleted under our hands.
        locked = Session.objects.select_for_update(no_key=True).filter(pk__in=wanted)
        sessions = {session.pk: session for session in locked.order_by("pk")}
        here = [piece for piece in pieces if piece.call.session_id in sessions]
        said = [_storable(piece) for piece in here if isinstance(piece, TurnWrite)]
        renamed = _write_turns(said)
        _write_usages([piece for piece in here if isinstance(piece, UsageWrite)])
        _touch_sessions(sessions, said)
        for piece in here:
            if isinstance(piece, EndingWrite):
                end_call(piece.call.call_id, piece.ending)
    return renamed


def _storable(said: TurnWrite) -> TurnWrite:
    turn = said.turn
    return TurnWrite(
        said.call,
        replace(
            turn,
            item_id=clean_text(turn.item_id, nul="\ufffd"),
            text=clean_text(turn.text, nul="\ufffd"),
            heard_text=turn.heard_text and clean_text(turn.heard_text, nul="\ufffd"),
        ),
    )


_CHANGING = (
    "role", "modality", "text", "heard_text", "heard_ms", "status", "position",
    "started_at", "completed_at",
)  # fmt: skip


def _write_turns(said: Sequence[TurnWrite]) -> list[TurnWrite]:
    owners = _owners(said)
    renamed = [piece for piece in said if owners[_key(piece)] != piece.call.call_id]
    rows = {}
    for piece in said:
        row = _row(piece if piece not in renamed else _under_its_own_name(piece))
        rows[row.session_id, row.item_id, row.content_index] = row
    for old in _known(rows):
        new = rows.get((old.session_id, old.item_id, old.content_index))
        if new is not None and new.status == TurnStatus.IN_PROGRESS:
            new.status = old.status
    Turn.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=("session", "item_id", "content_index"),
        update_fields=_CHANGING,
    )
    return renamed


def _owners(said: Sequence[TurnWrite]) -> dict[_Key, UUID | None]:
    """Which call each of these turns' rows belongs to: the first that wrote it, or writes it."""
    owners: dict[_Key, UUID | None] = {}
    for piece in said:
        owners.setdefault(_key(piece), piece.call.call_id)
    for old in _known(owners):
        owners[old.session_id, old.item_id, old.content_index] = old.call_id
    return owners


def _known(keys: Collection[_Key]) -> QuerySet[Turn]:
    """The rows that have these keys, and perhaps some more."""
    return Turn.objects.filter(
        session_id__in={session_id for session_id, _, _ in keys},
        item_id__in={item_id for _, item_id, _ in keys},
    )


def _key(said: TurnWrite) -> _Key:
    return said.call.session_id, said.turn.item_id, said.turn.content_index


def _under_its_own_name(said: TurnWrite) -> TurnWrite:
    item_id = f"{said.call.call_id.hex[:8]}.{said.turn.item_id}"
    return TurnWrite(said.call, replace(said.turn, item_id=item_id[:ITEM_ID_CHARACTERS]))


def _row(said: TurnWrite) -> Turn:
    turn = said.turn
    return Turn(
        session_id=said.call.session_id,
        call_id=said.call.call_id,
        item_id=turn.item_id,
        content_index=turn.content_index,
        role=turn.role,
        modality=turn.modality,
        text=turn.text,
        heard_text=turn.heard_text,
        heard_ms=turn.heard_ms,
        status=turn.status,
        position=said.call.first_position + turn.position,
        started_at=turn.started_at,
        completed_at=turn.completed_at,
    )


def _write_usages(costs: Iterable[UsageWrite]) -> None:
    transcription_model = catalogue.resolve(settings.TRANSCRIPTION_MODEL, timezone.now().date())
    Usage.objects.bulk_create(
        (
            Usage(
                session_id=cost.call.session_id,
                call_id=cost.call.call_id,
                source_id=cost.usage.source_id,
                kind=cost.usage.kind,
                model=cost.call.model if cost.usage.kind == "response" else transcription_model,
                text_in=cost.usage.text_in,
                text_in_cached=cost.usage.text_in_cached,
                audio_in=cost.usage.audio_in,
                audio_in_cached=cost.usage.audio_in_cached,
                image_in=cost.usage.image_in,
                image_in_cached=cost.usage.image_in_cached,
                text_out=cost.usage.text_out,
                audio_out=cost.usage.audio_out,
                seconds=cost.usage.seconds,
            )
            for cost in costs
        ),
        ignore_conflicts=True,
    )


def _touch_sessions(sessions: dict[UUID, Session], said: Sequence[TurnWrite]) -> None:
    """Mark sessions as spoken in, name the nameless ones, and move all of them to the top."""
    touched = {piece.call.session_id for piece in said}
    spoken = {piece.call.session_id for piece in said if piece.turn.modality == Modality.VOICE}
    now = timezone.now()
    for session_id in touched:
        session = sessions[session_id]
        session.updated_at = now
        session.realtime_mode |= session_id in spoken
        if not session.title:
            session.title = _title(
                piece.turn for piece in said if piece.call.session_id == session_id
            )
    Session.objects.bulk_update(
        [sessions[session_id] for session_id in touched],
        ["updated_at", "realtime_mode", "title"],
        batch_size=100,
    )


def _title(said: Iterable[turns.Turn]) -> str:
    """The first thing that the person said in full, in short; empty if there is none yet."""
    spoken = sorted(said, key=lambda turn: turn.position)
    for turn in spoken:
        if turn.role == Role.USER and turn.status == TurnStatus.COMPLETED and turn.text.strip():
            return shortened(turn.text)
    return ""


def shortened(text: str, most: int = TITLE_CHARACTERS) -> str:
    """One line of at most `most` characters and an ellipsis, cut between words if there are any."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[: most + 1]
    head = cut.rpartition(" ")[0] if " " in cut[most // 2 :] else line[:most]
    return head.rstrip() + "…"
