"""Sessions, calls, turns and writes for the tests of conversations."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User

from backend.accounts.tokens import key_for
from backend.conversations.ledger import UsageWrite
from backend.conversations.lifecycle import OpenedCall, open_call
from backend.conversations.models import Session, Turn, Usage
from backend.conversations.stored_cost import stored_cost
from backend.conversations.writing import EndingWrite, TurnWrite
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript import turns
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def new_session(user: User, **fields: object) -> Session:
    """A session of a signed-in user."""
    key_for(user)
    return Session.objects.create(user=user, **{"voice": "marin", "model": "gpt-realtime"} | fields)


def new_call(session: Session, worker: str = "here", **more: Any) -> OpenedCall:
    """An open call on the session."""
    return open_call(
        session.id,
        session.user_id,
        worker=worker,
        model="gpt-realtime",
        transcription_model="gpt-transcribe",
        **more,
    )


def turn(
    item_id: str = "item_1",
    text: str = "Hello there.",
    *,
    role: Role = Role.USER,
    modality: Modality = Modality.VOICE,
    status: TurnStatus = TurnStatus.COMPLETED,
    position: int = 0,
    heard_text: str | None = None,
    heard_ms: int | None = None,
    content_index: int = 0,
) -> turns.Turn:
    """A turn as the assembler makes it."""
    return turns.Turn(
        item_id=item_id,
        content_index=content_index,
        role=role,
        modality=modality,
        text=text,
        status=status,
        position=position,
        heard_text=heard_text,
        heard_ms=heard_ms,
        started_at=NOON,
        completed_at=NOON,
    )


def turn_write(call: OpenedCall, written: turns.Turn) -> TurnWrite:
    """The write of a call's turn."""
    return TurnWrite(call.session_id, call.call_id, call.first_position, written)


def usage_write(call: OpenedCall, used: usage.Usage) -> UsageWrite:
    """The write of a call's usage."""
    model = call.model if used.kind == "response" else call.transcription_model
    return UsageWrite(call.session_id, call.call_id, model, used)


def ending_write(call: OpenedCall, ending: Ending) -> EndingWrite:
    """The write of a call's ending."""
    return EndingWrite(call.session_id, call.call_id, ending)


def kept_turn(session: Session, call: OpenedCall | None = None, **fields: object) -> Turn:
    """A turn's row, written without the recorder."""
    given: dict[str, object] = {
        "item_id": "item_1",
        "role": "user",
        "modality": "voice",
        "text": "Hello there.",
    }
    given |= {"status": "completed", "position": 0, "started_at": NOON, "completed_at": NOON}
    call_id: UUID | None = call.call_id if call else None
    return Turn.objects.create(session=session, call_id=call_id, **given | fields)


def kept_usage(session: Session, source_id: str, model: str, **fields: Any) -> Usage:
    """A usage's row with its cost, written without the recorder; of a response by default."""
    kind = {"kind": "response", "user_id": session.user_id}
    row = Usage(session=session, source_id=source_id, model=model, **kind | fields)
    row.cost_usd, row.price_date = stored_cost(cast(Any, row), model)
    row.save()
    return row
