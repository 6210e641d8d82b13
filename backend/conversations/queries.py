"""Reads that several doors need: one query for a whole page of sessions, never one per row."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, Sum
from django.db.models.functions import Now

from backend import catalogue
from backend.conversations.models import Call, Session, Usage
from backend.protocol import usage

Status = Literal["open", "live", "closed"]

LIVE = Q(ended_at__isnull=True, lease_until__gt=Now())
"""A call that is open and whose worker has been heard of within the lease."""

is_live = Exists(Call.objects.filter(LIVE, session=OuterRef("pk")))

_COUNTS = tuple(
    field.name for field in fields(usage.Usage) if field.name not in ("source_id", "kind")
)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used, and what it cost in USD; None is an unknown price, never zero."""

    counts: usage.Usage
    cost_usd: Decimal | None

    def counts_json(self) -> dict[str, int | float]:
        """The counts by name: tokens, and `seconds` of transcribed audio."""
        return {name: value for name, value in asdict(self.counts).items() if name in _COUNTS}


NOTHING_SPENT = Spent(usage.Usage("", "response"), Decimal(0))


def live_among(session_ids: Collection[UUID]) -> set[UUID]:
    """Which of these sessions have a live call."""
    live = Call.objects.filter(LIVE, session_id__in=session_ids)
    return set(live.values_list("session_id", flat=True))


def status_of(closed_at: datetime | None, *, live: bool) -> Status:
    """A session's status in one word."""
    if live:
        return "live"
    return "open" if closed_at is None else "closed"


def spent_by_session(session_ids: Collection[UUID]) -> dict[UUID, Spent]:
    """What each of these sessions has used and cost; a session without usage is left out."""
    return _spent(Usage.objects.filter(session_id__in=session_ids), "session_id")


def spent_by_call(session: Session) -> dict[UUID, Spent]:
    """What each call of the session has used and cost."""
    return _spent(session.usages.filter(call__isnull=False), "call_id")


def _spent(usages: Any, owner: str) -> dict[UUID, Spent]:
    sums = {name: Sum(name) for name in _COUNTS}
    spent: dict[UUID, Spent] = {}
    # Prices are linear, so sums per model cost what their parts cost.
    for row in usages.order_by().values(owner, "kind", "model").annotate(**sums):
        kind, model, owner_id = row.pop("kind"), row.pop("model"), row.pop(owner)
        counts = usage.Usage("", kind, **row)
        part = Spent(counts, catalogue.cost_usd(counts, model, model))
        spent[owner_id] = _sum((spent.get(owner_id, NOTHING_SPENT), part))
    return spent


def _sum(parts: Iterable[Spent]) -> Spent:
    total = NOTHING_SPENT
    for part in parts:
        added = {name: getattr(total.counts, name) + getattr(part.counts, name) for name in _COUNTS}
        known = total.cost_usd is not None and part.cost_usd is not None
        cost = (total.cost_usd or Decimal(0)) + (part.cost_usd or Decimal(0)) if known else None
        total = Spent(replace(total.counts, **added), cost)
    return total
