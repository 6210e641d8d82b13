"""What the admin's list shows of a session, and the expressions that it sorts and filters by.

The list reads them for the rows of one page, in one query: see `SessionChangeList`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    DecimalField,
    Exists,
    Expression,
    F,
    FloatField,
    Func,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan

from backend.conversations import queries
from backend.conversations.folding import excerpt, folded
from backend.conversations.models import (
    COST_DIGITS,
    COST_PLACES,
    Call,
    ReviewNote,
    Session,
    Turn,
    Usage,
)
from backend.conversations.searching import has_word

UNKNOWN_COST = Decimal(-1)
"""Of a session that used a model without a price. Not null, so that rows have one order."""

_MONEY: Any = DecimalField(max_digits=COST_DIGITS, decimal_places=COST_PLACES)


class SecondsBetween(Func):
    """The seconds from the second time to the first. Django's own takes Python code on SQLite."""

    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Julian days, which are exact to a millisecond, and rounded to it: a minute is one."""
        return self.as_sql(
            compiler,
            connection,
            template="ROUND((JULIANDAY(%(expressions)s)) * 86400.0, 3)",
            arg_joiner=") - JULIANDAY(",
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The interval's seconds."""
        template = "EXTRACT(EPOCH FROM (%(expressions)s))::float8"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ")


def _of_session(model: Any, value: Any, **conditions: Any) -> Subquery:
    """An aggregate over the rows of this model in a session.

    Built of `_Aggregate`, without a GROUP BY: that takes the database twice the time when it sorts
    5,000 sessions by it.
    """
    rows = model._default_manager.filter(session=OuterRef("pk"), **conditions)
    return Subquery(rows.order_by().values(found=value))


class _Aggregate(Func):
    """An aggregate function that Django does not know as one, so that it adds no GROUP BY."""

    template = "%(function)s(%(expressions)s)"


def _count(name: str) -> _Aggregate:
    return _Aggregate(F(name), function="COUNT", output_field=IntegerField())


def _cost() -> _Aggregate:
    return _Aggregate(F("cost_usd"), function="SUM", output_field=_MONEY)


def _is_cost_known() -> Exact:
    return Exact(_count("session"), _count("cost_usd"))


def _cost_of_session() -> Subquery:
    cost = Case(
        When(_is_cost_known(), then=_cost()), default=Value(UNKNOWN_COST), output_field=_MONEY
    )
    return _of_session(Usage, cost)


class Fresh(Expression):
    """An expression that is built anew for each query.

    Django renames the tables inside an expression when its query becomes part of another one, and
    the conditions in it are shared by its copies: one that two queries use can break.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        super().__init__()
        self.build = build

    def resolve_expression(self, *args: Any, **options: Any) -> Any:
        """The new expression, resolved for a query."""
        return self.build().resolve_expression(*args, **options)


def _seconds() -> _Aggregate:
    duration = SecondsBetween("ended_at", "started_at")
    return _Aggregate(duration, function="SUM", output_field=FloatField())


def _seconds_of_session() -> Subquery:
    return _of_session(Call, _seconds(), ended_at__isnull=False)


TURNS = Fresh(lambda: _of_session(Turn, _count("session")))
CALLS = Fresh(lambda: _of_session(Call, _count("session")))
SECONDS = Fresh(lambda: Coalesce(_seconds_of_session(), 0.0))
"""The duration of a session's calls that have ended, in seconds."""

COST = Fresh(lambda: Coalesce(_cost_of_session(), Value(Decimal(0)), output_field=_MONEY))
"""What a session has cost in USD, or `UNKNOWN_COST`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `low` on and below `high`, where they are given. Without `low`: above 0."""

    low: Decimal | None
    high: Decimal | None

    def holds_for(self, value: Callable[[], _Aggregate], scale: int = 1) -> Q:
        """The condition for an aggregate, whose unit is `scale` times smaller."""
        if self.low is None:
            condition = Q(GreaterThan(value(), 0))
        else:
            condition = Q(GreaterThanOrEqual(value(), self.low * scale))
        if self.high is not None:
            condition &= Q(LessThan(value(), self.high * scale))
        return condition


def has_cost_within(bounds: Bounds) -> Subquery:
    """The condition for a session whose cost in USD is known and within these bounds.

    The bounds are compared inside the one subquery. Two comparisons of `COST` computed each sum
    twice, and took the database twice the time.
    """
    return _whether(Usage, Q(_is_cost_known()) & bounds.holds_for(_cost))


def has_minutes_within(bounds: Bounds) -> Subquery:
    """The condition for a session whose calls that have ended took minutes within these bounds."""
    return _whether(Call, bounds.holds_for(_seconds, scale=60), ended_at__isnull=False)


def _whether(model: Any, condition: Q, **conditions: Any) -> Subquery:
    """Whether this holds for the aggregates of the session's rows."""
    holds = Case(When(condition, then=Value(True)), default=Value(False))
    return _of_session(model, holds, **conditions)


IS_ESTIMATED = Fresh(
    lambda: Exists(Usage.objects.filter(session=OuterRef("pk"), is_estimated=True))
)


def rows_of(session_ids: Sequence[UUID], words: Sequence[str] = ()) -> list[Session]:
    """The sessions in this order with their users, and as attributes what the list shows of them.

    `live`, `turn_count`, `call_count`, `seconds`, `last_ending` (empty while a call is open, None
    without a call), `cost` (or `UNKNOWN_COST`), `is_estimated`, `is_reviewed`; and `excerpt`, the
    pieces of the first turn in which one of these words of a search occurs.
    """
    calls = Call.objects.filter(session=OuterRef("pk")).order_by("-first_position")
    facts: dict[str, Any] = {
        "live": queries.is_live,
        "turn_count": TURNS,
        "call_count": CALLS,
        "seconds": SECONDS,
        "last_ending": Subquery(calls.values("ending")[:1]),
        "cost": COST,
        "is_estimated": IS_ESTIMATED,
        "is_reviewed": Exists(ReviewNote.objects.filter(session=OuterRef("pk"))),
    }
    if words:
        occurs = Q()
        for word in words:
            occurs |= has_word(word)
        turns = Turn.objects.filter(occurs, session=OuterRef("pk")).order_by("position", "pk")
        facts["matched_text"] = Subquery(turns.values("text")[:1])
    found = Session.objects.filter(pk__in=session_ids).select_related("user").annotate(**facts)
    rows: dict[UUID, Any] = {session.pk: session for session in found.order_by()}
    folded_words = [folded(word) for word in words]
    for row in rows.values():
        row.excerpt = excerpt(getattr(row, "matched_text", None) or "", folded_words)
    # A session that was deleted since then is left out.
    return [rows[pk] for pk in session_ids if pk in rows]
