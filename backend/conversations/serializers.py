"""The JSON of sessions, calls and turns in the HTTP API. Clients rely on every field."""

from decimal import Decimal
from typing import Any

from backend.conversations import queries
from backend.conversations.models import Call, Turn
from backend.conversations.queries import SessionWithFacts, Spent


def session_json(session: SessionWithFacts, spent: Spent) -> dict[str, Any]:
    """A session, with what it has used and cost so far."""
    return {
        "id": session.id,
        "title": session.title,
        "realtime_mode": session.realtime_mode,
        "status": queries.status_of(session.closed_at, live=session.live),
        "provider": session.provider,
        "model": session.model,
        "voice": session.voice,
        "language": session.language,
        "turn_count": session.turn_count,
        "call_count": session.call_count,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "usage": spent.counts_json(),
        "cost": usd(spent.cost_usd),
    }


def call_json(call: Call) -> dict[str, Any]:
    """A call. `ended_at` and `ending` are null while it is open."""
    return {
        "id": call.id,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "ending": call.ending or None,
    }


def turn_json(turn: Turn) -> dict[str, Any]:
    """A turn. `heard_text` and `heard_ms` are null if all of it was heard."""
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
    """USD with four decimals, as text, so that no client rounds it. None (unknown) stays None."""
    return None if cost is None else str(cost.quantize(Decimal("0.0001")))
