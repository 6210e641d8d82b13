"""Queries that several packages use. Each runs once for a page of sessions, not once per row."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from backend.conversations.models import Call, Session, Turn, Usage
from backend.protocol import usage

Status = Literal["open", "live", "closed"]

LIVE = Q(ended_at__isnull=True, lease_until__gt=Now())
"""A call that is open and whose lease has not expired."""

is_live = Exists(Call.objects.filter(LIVE, session=OuterRef("pk")))

_COUNTS = tuple(
    field.name
    for field in fields(usage.Usage)
    if field.name not in ("source_id", "kind", "is_estimated", "item_id")
)
"""The fields of `usage.Usage` that are summed."""


class SessionFacts(TypedDict):
    """The annotations that `with_facts` adds to a session."""

    live: bool
    turn_count: int
    call_count: int


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    SessionWithFacts = WithAnnotations[Session, SessionFacts]
else:
    SessionWithFacts = Session


@dataclass(frozen=True, slots=True)
class Spent:
    """The tokens and seconds used, and their cost.

    `cost_usd` is None, not zero, if any of the prices is unknown. `is_estimated`: some of it is an
    estimate.
    """

    counts: usage.Usage
    cost_usd: Decimal | None
    is_estimated: bool = False

    def counts_json(self) -> dict[str, int | float]:
        """The counts by name: tokens, and `seconds` of transcribed audio."""
        return {name: value for name, value in asdict(self.counts).items() if name in _COUNTS}


NOTHING_SPENT = Spent(usage.Usage("", "response"), Decimal(0))


def with_facts(sessions: QuerySet[Session]) -> QuerySet[SessionWithFacts]:
    """Annotate the sessions with `SessionFacts`, in the same query."""
    return sessions.annotate(live=is_live, turn_count=_count(Turn), call_count=_count(Call))


def own_sessions(user_id: int) -> QuerySet[SessionWithFacts]:
    """The user's sessions with `SessionFacts`, the newest first."""
    return with_facts(Session.objects.filter(user_id=user_id))


def own_turns(user_id: int) -> QuerySet[Turn]:
    """The turns of the user's sessions."""
    return Turn.objects.filter(session__user_id=user_id)


def status_of(closed_at: datetime | None, *, live: bool) -> Status:
    """Return the session's status: `live` while it has a live call, even if it is closed."""
    if live:
        return "live"
    return "open" if closed_at is None else "closed"


def spent_by_session(session_ids: Collection[UUID]) -> dict[UUID, Spent]:
    """Return the usage of each of these sessions; a session without usage has no entry."""
    return _spent(Usage.objects.filter(session_id__in=session_ids), "session_id")


def spent_by_call(session: Session) -> dict[UUID, Spent]:
    """Return the usage of each call of the session; a call without usage has no entry."""
    return _spent(session.usages.filter(call__isnull=False), "call_id")


def spent_of(usages: Iterable[Usage]) -> Spent:
    """Return the sum of these usages, which were read already."""
    rows = list(usages)
    costs = [row.cost_usd for row in rows]
    sums: dict[str, Any] = {name: sum(getattr(row, name) for row in rows) for name in _COUNTS}
    known = [cost for cost in costs if cost is not None]
    return Spent(
        usage.Usage("", "response", **sums),
        sum(known, Decimal(0)) if len(known) == len(costs) else None,
        any(row.is_estimated for row in rows),
    )


def _spent(usages: QuerySet[Usage], owner: str) -> dict[UUID, Spent]:
    return {row[owner]: spent_in(row) for row in sums_by(usages, owner)}


def sums_by(usages: QuerySet[Usage], *owners: str) -> QuerySet[Usage, dict[str, Any]]:
    """The sums of these usages by the values of `owners`, for `spent_in`."""
    sums: dict[str, Any] = {name: Sum(name) for name in _COUNTS}
    rows: QuerySet[Usage, dict[str, Any]] = usages.order_by().values(*owners)
    return rows.annotate(
        **sums,
        cost=Sum("cost_usd"),
        unpriced=Count("pk", filter=Q(cost_usd__isnull=True)),
        estimated=Count("pk", filter=Q(is_estimated=True)),
    )


def spent_in(row: Mapping[str, Any]) -> Spent:
    """What a row of `sums_by` says."""
    return Spent(
        usage.Usage("", "response", **{name: row[name] for name in _COUNTS}),
        None if row["unpriced"] else row["cost"],
        row["estimated"] > 0,
    )


def _count(model: type[Turn] | type[Call]) -> Coalesce:
    """The number of this model's rows in a session. A subquery: two joins would multiply rows."""
    rows = model._default_manager.filter(session=OuterRef("pk")).order_by().values("session")
    return Coalesce(Subquery(rows.annotate(number=Count(F("pk"))).values("number")), 0)
