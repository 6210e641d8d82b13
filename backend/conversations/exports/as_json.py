"""JSON: everything that is stored of a session. The OpenAPI schema is made from `ExportJSON`."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, TypedDict
from uuid import UUID

from rest_framework.utils.encoders import JSONEncoder

from backend.conversations.exports.document import Document
from backend.conversations.models import Call, Turn, Usage
from backend.conversations.serializers import (
    CallJSON,
    SessionJSON,
    TurnJSON,
    call_json,
    session_json,
    turn_json,
)

VERSION = 1
"""Increased when a field is removed or changes its meaning, not when one is added."""


class ExportedCallJSON(CallJSON):
    """A call with its models. `transcription_model` is empty in calls from before it was stored."""

    provider: str
    model: str
    transcription_model: str


class ExportedTurnJSON(TurnJSON):
    """A turn with its call; `call_id` is null for a turn that was typed without one."""

    call_id: UUID | None
    content_index: int


class ExportedUsageJSON(TypedDict):
    """What one response or transcription used. `cost_usd` is null if a price is unknown.

    `is_estimated`: the provider has not sent these counts.
    """

    call_id: UUID | None
    source_id: str
    kind: str
    model: str
    text_in: int
    text_in_cached: int
    audio_in: int
    audio_in_cached: int
    image_in: int
    image_in_cached: int
    text_out: int
    audio_out: int
    seconds: float
    cost_usd: str | None
    price_date: date | None
    is_estimated: bool
    created_at: datetime


class ExportJSON(TypedDict):
    """Everything that is stored of one session. `turns` are in spoken order."""

    version: int
    username: str
    session: SessionJSON
    calls: list[ExportedCallJSON]
    turns: list[ExportedTurnJSON]
    usage: list[ExportedUsageJSON]


def render(document: Document) -> Iterator[str]:
    """The JSON of `ExportJSON` in pieces, one row a line."""
    yield f'{{"version": {VERSION},\n"username": {_dumps(document.username)},\n'
    yield f'"session": {_dumps(session_json(document.session, document.spent))},\n'
    yield from _array("calls", (_call(call) for call in document.calls))
    yield ",\n"
    yield from _array("turns", (_turn(turn) for turn in document.turns))
    yield ",\n"
    yield from _array("usage", (_usage(usage) for usage in document.usages))
    yield "}\n"


def _array(name: str, rows: Iterable[object]) -> Iterator[str]:
    yield f'"{name}": ['
    separator = "\n"
    for row in rows:
        yield separator + _dumps(row)
        separator = ",\n"
    yield "]"


def _dumps(value: object) -> str:
    # REST framework's encoder, so that times and ids look as in the rest of the API.
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False)


def _call(call: Call) -> ExportedCallJSON:
    return {
        **call_json(call),
        "provider": call.provider,
        "model": call.model,
        "transcription_model": call.transcription_model,
    }


def _turn(turn: Turn) -> ExportedTurnJSON:
    return {**turn_json(turn), "call_id": turn.call_id, "content_index": turn.content_index}


def _usage(usage: Usage) -> ExportedUsageJSON:
    cost: Any = usage.cost_usd
    return {
        "call_id": usage.call_id,
        "source_id": usage.source_id,
        "kind": usage.kind,
        "model": usage.model,
        "text_in": usage.text_in,
        "text_in_cached": usage.text_in_cached,
        "audio_in": usage.audio_in,
        "audio_in_cached": usage.audio_in_cached,
        "image_in": usage.image_in,
        "image_in_cached": usage.image_in_cached,
        "text_out": usage.text_out,
        "audio_out": usage.audio_out,
        "seconds": usage.seconds,
        "cost_usd": None if cost is None else f"{cost:f}",
        "price_date": usage.price_date,
        "is_estimated": usage.is_estimated,
        "created_at": usage.created_at,
    }
