"""The JSON of sessions, calls, turns and tickets in the HTTP API, as typed dictionaries.

Scripts and pages rely on every field. The OpenAPI schema is made from the types (`api_schema.py`).
"""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from backend.conversations.models import Call, Session, Turn
from backend.conversations.queries import Spent, Status
from backend.wording import Language


class SessionJSON(TypedDict):
    """A conversation. `usage` and `cost` (USD) are its sums so far; an unknown cost is null."""

    id: UUID
    title: str
    realtime_mode: bool
    status: Status
    model: str
    voice: str
    language: str
    created_at: datetime
    updated_at: datetime
    usage: dict[str, float]
    cost: str | None


class CallJSON(TypedDict):
    """A call; `ended_at` and `ending` are null while it lives."""

    id: UUID
    started_at: datetime
    ended_at: datetime | None
    ending: str | None


class SessionDetailJSON(SessionJSON):
    """A conversation with its calls."""

    calls: list[CallJSON]


class TurnJSON(TypedDict):
    """A turn; `heard_text` and `heard_ms` are null where all of it was heard."""

    id: int
    item_id: str
    role: str
    modality: str
    text: str
    heard_text: str | None
    heard_ms: int | None
    status: str
    position: int
    started_at: datetime | None
    completed_at: datetime | None


class TicketJSON(TypedDict):
    """A one-use pass for the WebSocket at `url`."""

    ticket: str
    expires_at: datetime
    url: str


class PageLimitsJSON(TypedDict):
    """Limits that the page shares with the server."""

    title_length: int
    page_size: int
    ticket_seconds: int


class ConfigJSON(TypedDict):
    """What a page needs before sign-in. `suggestions` are sentences by language, for the demo."""

    registration_open: bool
    demo: bool
    voices: list[str]
    languages: list[str]
    suggestions: dict[Language, list[str]]
    limits: PageLimitsJSON


def session_json(session: Session, status: Status, spent: Spent) -> SessionJSON:
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
        "usage": dict(spent.counts_json()),
        "cost": usd(spent.cost_usd),
    }


def call_json(call: Call) -> CallJSON:
    """A call; `ended_at` and `ending` are null while it lives."""
    return {
        "id": call.id,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "ending": call.ending or None,
    }


def turn_json(turn: Turn) -> TurnJSON:
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
