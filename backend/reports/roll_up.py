"""Decides which days are computed in a run, and does it: the changed ones, then older ones.

Each run computes today and yesterday, and the days of calls and ledger rows that were written
late: a server that was killed may leave them in its spool for days. The first run also begins with
the days before, from the newest to the oldest, as many in each run as its time allows.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Max, Min
from django.utils import timezone

from backend.conversations.models import Call, Turn, Usage
from backend.reports.call_figures import collect
from backend.reports.daily_figures import store_day
from backend.reports.days import ONE_DAY, bounds_of, day_of, start_of
from backend.reports.models import RollUpProgress
from backend.telemetry.logs import log_event

LATE_ROWS = 20_000
"""Turns, and ledger rows, that one run looks through for late ones."""
OVERLAP = 1_000
"""An id is taken before its transaction commits, so each run looks at the last ids again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What a run did: the days it computed, and how many of before the first run are left."""

    days: int
    days_left: int


def roll_up(is_out_of_time: Callable[[], bool]) -> RolledUp:
    """Compute the days that have changed, then older days until `is_out_of_time()`.

    At least one older day is computed in each run, so that it comes to an end. The progress is
    stored after the days: a run that is killed is repeated.
    """
    now = timezone.now()
    progress = _progress(day_of(now))
    days = _compute_changed(progress, now)
    backfilled = _backfill(progress, is_out_of_time)
    progress.updated_at = timezone.now()
    progress.save()
    left = progress.days_left
    if backfilled:
        log_event(log, logging.INFO, "reports.backfilled", count=backfilled)
    if left:
        log_event(log, logging.INFO, "reports.days_left", count=left)
    return RolledUp(days + backfilled, left)


def _progress(today: date) -> RollUpProgress:
    """The stored progress, or that of a first run: every day before yesterday is left."""
    stored = RollUpProgress.objects.filter(pk=RollUpProgress.ONLY).first()
    if stored is not None:
        return stored
    starts = (
        Call.objects.aggregate(first=Min("started_at"))["first"],
        Usage.objects.aggregate(first=Min("created_at"))["first"],
    )
    first_day = min((day_of(start) for start in starts if start is not None), default=today)
    newest = today - 2 * ONE_DAY
    return RollUpProgress.objects.get_or_create(
        pk=RollUpProgress.ONLY,
        defaults={
            "last_turn_id": _newest_id(Turn),
            "last_usage_id": _newest_id(Usage),
            "first_day": first_day,
            "backfill_day": newest if first_day <= newest else None,
            "updated_at": timezone.now(),
        },
    )[0]


def _newest_id(model: type[Turn] | type[Usage]) -> int:
    return model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0


def _compute_changed(progress: RollUpProgress, now: datetime) -> int:
    """Compute today, yesterday, and the days of late rows. Returns their number."""
    today = day_of(now)
    days = {today, today - ONE_DAY}
    recent = start_of(today - ONE_DAY)
    # A call that ended in the night counts on the day on which it began.
    days |= collect(Call.objects.filter(ended_at__gte=recent))
    turns_up_to = _end_of_late(Turn, progress.last_turn_id)
    late_turns = Turn.objects.filter(
        pk__gt=progress.last_turn_id - OVERLAP, pk__lte=turns_up_to, call__started_at__lt=recent
    )
    call_ids = list(late_turns.order_by().values_list("call_id", flat=True).distinct())
    days |= collect(Call.objects.filter(pk__in=call_ids))
    usages_up_to = _end_of_late(Usage, progress.last_usage_id)
    late_usages = Usage.objects.filter(
        pk__gt=progress.last_usage_id - OVERLAP, pk__lte=usages_up_to, created_at__lt=recent
    )
    days |= {day_of(moment) for moment in late_usages.values_list("created_at", flat=True)}
    for day in days:
        store_day(day)
    progress.last_turn_id, progress.last_usage_id = turns_up_to, usages_up_to
    return len(days)


def _end_of_late(model: type[Turn] | type[Usage], last_id: int) -> int:
    """The id up to which this run looks for late rows. Ids have gaps, so rows are counted."""
    newer = model._default_manager.filter(pk__gt=last_id).order_by("pk")
    ids = newer.values_list("pk", flat=True)[LATE_ROWS - 1 : LATE_ROWS]
    return next(iter(ids), _newest_id(model))


def _backfill(progress: RollUpProgress, is_out_of_time: Callable[[], bool]) -> int:
    """Compute older days until the time is up. Returns their number."""
    count = 0
    while progress.backfill_day is not None and not (count and is_out_of_time()):
        day = progress.backfill_day
        start, end = bounds_of(day)
        collect(Call.objects.filter(started_at__gte=start, started_at__lt=end))
        store_day(day)
        progress.backfill_day = day - ONE_DAY if day > progress.first_day else None
        count += 1
    return count
