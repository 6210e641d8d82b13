"""Copies the figures of ended calls into `CallFigures`, which outlives their sessions."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from backend.conversations.models import Call, Turn
from backend.reports.days import day_of
from backend.reports.histogram import Histogram
from backend.reports.models import CallFigures

CHUNK = 500
"""Calls that are read and written at a time: a few thousand turns in memory."""

_COLUMNS = (
    "day", "user_id", "provider", "model", "call_ms", "turns", "ending", "first_sound",
)  # fmt: skip
_MILLISECOND = timedelta(milliseconds=1)


def collect(calls: QuerySet[Call]) -> set[date]:
    """Copy the figures of those of these calls that have ended. Returns the days that changed.

    Copies that are right already are not written again. A user who is deleted between reading and
    writing fails the transaction; the next run repeats it.
    """
    ended = calls.filter(ended_at__isnull=False).order_by()
    call_ids = list(ended.values_list("pk", flat=True))
    changed: set[date] = set()
    for start in range(0, len(call_ids), CHUNK):
        changed |= _collect_chunk(call_ids[start : start + CHUNK])
    return changed


def _collect_chunk(call_ids: list[UUID]) -> set[date]:
    stored = CallFigures.objects.in_bulk(call_ids)
    changed: list[CallFigures] = []
    days: set[date] = set()
    for figures in _figures_of(call_ids):
        old = stored.get(figures.call_id)
        if old is None or _values(old) != _values(figures):
            changed.append(figures)
            days |= {figures.day} if old is None else {figures.day, old.day}
    CallFigures.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["call_id"],
        update_fields=[name.removesuffix("_id") for name in _COLUMNS],
    )
    return days


def _values(figures: CallFigures) -> list[Any]:
    return [getattr(figures, name) for name in _COLUMNS]


def _figures_of(call_ids: list[UUID]) -> list[CallFigures]:
    turns = Turn.objects.filter(call_id__in=call_ids).order_by()
    counts = Counter(dict(turns.values_list("call_id").annotate(number=Count("pk"))))
    first_sounds: defaultdict[UUID | None, list[int]] = defaultdict(list)
    heard = turns.filter(first_sound_ms__isnull=False)
    for call_id, first_sound_ms in heard.values_list("call_id", "first_sound_ms"):
        first_sounds[call_id].append(first_sound_ms or 0)
    calls = Call.objects.filter(pk__in=call_ids).order_by().select_related("session")
    return [
        CallFigures(
            call_id=call.pk,
            day=day_of(call.started_at),
            user_id=call.session.user_id,
            provider=call.provider,
            model=call.model,
            call_ms=(call.ended_at - call.started_at) // _MILLISECOND if call.ended_at else 0,
            turns=counts[call.pk],
            ending=call.ending,
            first_sound=Histogram.of(first_sounds[call.pk]).as_json(),
        )
        for call in calls
    ]
