"""The JSON of sessions, calls and turns in the HTTP API. Scripts and pages rely on every field."""

from decimal import Decimal
from typing import Any

from backend.conversations.models import Call, Session, Turn
from backend.conversations.queries import Spent, Status


def session_json(session: Session, status: Status, spent: Spent) -> dict[str, Any]:
    """A session, with what it has used and cost so far."""
    return {
        "id": session.id,
        "title": session.title,
        "realtime_mode": session.realtime_mode,
        "status": status,
        "model": session.model,
        "voice": session.voice,
        "language": session.language,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "usage": spent.counts_json(),
        "cost": usd(spent.cost_usd),
    }


def call_json(call: Call) -> dict[str, Any]:
    """A call; `ended_at` and `ending` are null while it lives."""
    return {
        "id": call.id,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "ending": call.ending or None,
    }


def turn_json(turn: Turn) -> dict[str, Any]:
    """A turn; `heard_text` and `heard_ms` are null where all of it was heard."""
    return {
        "id": turn.pk,
        "item_id": turn.item_id,
        "role": turn.role,
        "modality": turn.modality,
        "text": turn.text,
        "heard_text": turn.heard_text,
        "heard_ms": turn.heard_ms,
        "status": turn.status,
        "position": turn.position,
        "started_at": turn.started_at,
        "completed_at": turn.completed_at,
    }


def usd(cost: Decimal | None) -> str | None:
    """USD to a hundredth of a cent, as text so that no reader rounds it; None stays unknown."""
    return None if cost is None else str(cost.quantize(Decimal("0.0001")))
