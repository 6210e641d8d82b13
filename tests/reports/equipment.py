"""Ended calls, turns and ledger rows at given times, for the tests of the figures."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from backend.conversations.models import Call, Session, Turn, Usage
from backend.reports.histogram import Histogram
from backend.reports.models import DailyFigures
from backend.reports.tally import Tally
from tests.conversations.equipment import kept_usage, new_session

TODAY = datetime(2026, 11, 20, 15, tzinfo=UTC)
"""The clock of these tests, in the afternoon of a day."""
YESTERDAY = TODAY - timedelta(days=1)


def ended_call(
    user: User,
    began: datetime = TODAY,
    *,
    minutes: float = 1,
    first_sounds_ms: tuple[int, ...] = (),
    session: Session | None = None,
    **fields: Any,
) -> Call:
    """A stored call that has ended, with one turn for each first sound."""
    given = {"model": "gpt-realtime", "ending": "client_left", "worker": "here"} | fields
    session = session or new_session(user)
    call = Call.objects.create(
        session=session,
        first_position=session.calls.count() * 1000,
        started_at=began,
        lease_until=began,
        ended_at=began + timedelta(minutes=minutes),
        **given,
    )
    add_turns(call, *first_sounds_ms)
    return call


def add_turns(call: Call, *first_sounds_ms: int | None) -> None:
    """Store one turn of the call for each of these."""
    first = call.turns.count()
    Turn.objects.bulk_create(
        Turn(
            session_id=call.session_id,
            call=call,
            item_id=f"{call.pk}-{number}",
            role="assistant",
            modality="voice",
            status="completed",
            position=call.first_position + number,
            first_sound_ms=first_sound_ms,
        )
        for number, first_sound_ms in enumerate(first_sounds_ms, first)
    )


def paid(
    session: Session, at: datetime = TODAY, model: str = "gpt-realtime", **fields: Any
) -> Usage:
    """A ledger row of this time, with its cost."""
    row = kept_usage(session, f"resp_{Usage.objects.count()}", model, **fields)
    Usage.objects.filter(pk=row.pk).update(created_at=at)
    return row


def figures(
    user: User | None,
    day: date,
    *,
    calls: int = 0,
    cost: str = "0",
    model: str = "gpt-realtime",
    ending: str = "client_left",
    **fields: Any,
) -> DailyFigures:
    """A stored row of figures: calls of two minutes with one first sound after 800 ms each."""
    tally = Tally(calls=calls, call_ms=calls * 120_000, cost_usd=Decimal(cost), **fields)
    tally.endings[ending] = calls
    tally.first_sound = Histogram.of([800] * calls)
    return DailyFigures.objects.create(
        day=day, user=user, provider="openai", model=model, **tally.as_row()
    )
