"""Computes a day's `DailyFigures` from the calls' figures and the ledger, and stores them.

A day can be computed any number of times, at any time: what it is computed from outlives sessions
and users.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from backend.conversations.models import DEFAULT_PROVIDER, Usage
from backend.reports.days import bounds_of
from backend.reports.histogram import Histogram
from backend.reports.models import CallFigures, DailyFigures, RollUpProgress
from backend.reports.tally import Tally

_TOKENS_IN = ("text_in", "audio_in", "image_in")
_TOKENS_CACHED = tuple(f"{name}_cached" for name in _TOKENS_IN)
_TOKENS_OUT = ("text_out", "audio_out")
_KEY = ("user_id", "provider", "model")


class Key(NamedTuple):
    """What the figures of a day are divided by. `user_id` is None for deleted users."""

    user_id: int | None
    provider: str
    model: str


def store_day(day: date) -> bool:
    """Compute the day and replace its rows if they differ. Returns whether they did.

    The rows change in one transaction, behind the lock of the job's progress: of two runs at the
    same time, one writes after the other, and no reader sees half a day.
    """
    tallies = tallies_of(day)
    rows = [
        DailyFigures(day=day, **key._asdict(), **tally.as_row()) for key, tally in tallies.items()
    ]
    with transaction.atomic():
        RollUpProgress.objects.select_for_update().filter(pk=RollUpProgress.ONLY).first()
        stored = DailyFigures.objects.filter(day=day)
        if _values(list(stored)) == _values(rows):
            return False
        stored.delete()
        DailyFigures.objects.bulk_create(rows, batch_size=500)
    return True


def tallies_of(day: date) -> dict[Key, Tally]:
    """The day's figures by user, provider and model."""
    tallies: defaultdict[Key, Tally] = defaultdict(Tally)
    for figures in CallFigures.objects.filter(day=day).iterator():
        tallies[Key(figures.user_id, figures.provider, figures.model)].merge(_of_call(figures))
    _add_usage(day, tallies)
    return dict(tallies)


def _of_call(figures: CallFigures) -> Tally:
    tally = Tally(calls=1, call_ms=figures.call_ms, turns=figures.turns)
    tally.endings[figures.ending] = 1
    tally.first_sound = Histogram.from_json(figures.first_sound)
    return tally


def _add_usage(day: date, tallies: defaultdict[Key, Tally]) -> None:
    """Add the ledger rows of the day. In Python: SQLite would add decimals up as floats."""
    start, end = bounds_of(day)
    # The ledger has no provider of its own, and its call may be deleted.
    provider = Coalesce(F("call__provider"), Value(DEFAULT_PROVIDER))
    usages = Usage.objects.filter(created_at__gte=start, created_at__lt=end).order_by()
    columns = (
        "user_id", "paid_provider", "model", "kind", "cost_usd", "is_estimated",
        *_TOKENS_IN, *_TOKENS_CACHED, *_TOKENS_OUT,
    )  # fmt: skip
    for row in usages.annotate(paid_provider=provider).values(*columns).iterator():
        tally = tallies[Key(row["user_id"], row["paid_provider"], row["model"])]
        tally.answers += row["kind"] == "response"
        tally.tokens_in += sum(row[name] for name in _TOKENS_IN)
        tally.tokens_cached += sum(row[name] for name in _TOKENS_CACHED)
        tally.tokens_out += sum(row[name] for name in _TOKENS_OUT)
        tally.cost_usd += row["cost_usd"] or Decimal(0)
        tally.unpriced += row["cost_usd"] is None
        tally.estimated += row["is_estimated"]


def _values(rows: list[DailyFigures]) -> list[tuple[Any, ...]]:
    """The rows' keys and figures in one order, to be compared."""
    names = (*_KEY, *Tally().as_row())
    values = [tuple(getattr(row, name) for name in names) for row in rows]
    return sorted(values, key=lambda row: (row[0] or 0, *map(str, row[1:])))
