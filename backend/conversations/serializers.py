"""The JSON of sessions, calls, turns and tickets in the HTTP API, as typed dictionaries.

Clients rely on every field. The OpenAPI schema is made from the types (`api_schema.py`).
"""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from backend.accounts.tickets import IssuedTicket
from backend.conversations import queries
from backend.conversations.models import Call, Turn
from backend.conversations.queries import SessionWithFacts, Spent, Status
from backend.wording import Language


class SessionJSON(TypedDict):
    """A session. `usage` and `cost` (USD) are its sums so far; an unknown cost is null.
    `cost_estimated`: part of them is an estimate, because the provider has not sent it.

    `provider`, `voice` and `language` are those of its next call, `model` is that of its newest.
    """

    id: UUID
    title: str
    realtime_mode: bool
    status: Status
    provider: str
    model: str
    voice: str
    language: str
    turn_count: int
    call_count: int
    created_at: datetime
    updated_at: datetime
    usage: dict[str, float]
    cost: str | None
    cost_estimated: bool


class CallJSON(TypedDict):
    """A call. `ended_at` and `ending` are null while it is open."""

    id: UUID
    started_at: datetime
    ended_at: datetime | None
    ending: str | None


class SessionDetailJSON(SessionJSON):
    """A session with its calls.

    `remembered_from` is the position of the first turn that a model is given with the next
    question; null if it is given all of them.
    """

    calls: list[CallJSON]
    remembered_from: int | None


class TurnJSON(TypedDict):
    """A turn. `heard_text` and `heard_ms` are null if it was not cut off.

    `first_sound_ms` is how long the user waited for the first sound of a spoken answer; null for
    other turns, and where it is not known. `is_reported`: only the browser saw this turn.
    """

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
    first_sound_ms: int | None
    is_reported: bool


class TicketJSON(TypedDict):
    """A one-use ticket for the WebSocket at `url`."""

    ticket: str
    expires_at: datetime
    url: str


class PageLimitsJSON(TypedDict):
    """Limits that the page shares with the server."""

    title_length: int
    page_size: int
    ticket_seconds: int


class DirectProviderJSON(TypedDict):
    """Where a browser connects to a provider directly, and what it may ask a key for.

    `model` and `voice` are the defaults of `POST /api/openai/realtime/session` for it.
    """

    provider: str
    websocket_url: str
    calls_url: str
    models: list[str]
    model: str
    voices: list[str]
    voice: str


class DirectConfigJSON(DirectProviderJSON):
    """The default provider, and in `providers` each that can be chosen, the default one first."""

    providers: list[DirectProviderJSON]


class ConfigJSON(TypedDict):
    """What a page needs before the user signs in. `suggestions` are sentences for the demo.

    `transports` are the ways of a call's audio: `relay`, and `webrtc` where that is on.
    `providers` are those that a session may choose, the default one first.
    `review_notice`: the page says that conversations may be reviewed. `direct` is null while
    browsers may not connect to the provider directly.
    """

    registration_open: bool
    demo: bool
    review_notice: bool
    transports: list[str]
    providers: list[str]
    voices: list[str]
    languages: list[str]
    suggestions: dict[Language, list[str]]
    direct: DirectConfigJSON | None
    limits: PageLimitsJSON


def session_json(session: SessionWithFacts, spent: Spent) -> SessionJSON:
    """A session, with what it has used and cost so far."""
    return {
        "id": session.id,
        "title": session.title,
        "realtime_mode": session.realtime_mode,
        "status": queries.status_of(session.closed_at, live=session.live),
        "provider": session.provider,
        "model": session.model,
        "voice": session.effective_voice,
        "language": session.language,
        "turn_count": session.turn_count,
        "call_count": session.call_count,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "usage": dict(spent.counts_json()),
        "cost": usd(spent.cost_usd),
        "cost_estimated": spent.is_estimated,
    }


def call_json(call: Call) -> CallJSON:
    """A call. `ended_at` and `ending` are null while it is open."""
    return {
        "id": call.id,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "ending": call.ending or None,
    }


def turn_json(turn: Turn) -> TurnJSON:
    """A turn. `heard_text` and `heard_ms` are null if it was not cut off."""
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
        "first_sound_ms": turn.first_sound_ms,
        "is_reported": turn.is_reported,
    }


def usd(cost: Decimal | None) -> str | None:
    """USD with four decimals, as text, so that no client rounds it. None (unknown) stays None."""
    return None if cost is None else str(cost.quantize(Decimal("0.0001")))


def ticket_json(issued: IssuedTicket, session_id: UUID, socket_root: str) -> TicketJSON:
    """The ticket with the URL of its WebSocket, which begins with `socket_root`: `wss://host`."""
    return {
        "ticket": issued.ticket,
        "expires_at": issued.expires_at,
        "url": f"{socket_root}/ws/realtime/{session_id}/",
    }
