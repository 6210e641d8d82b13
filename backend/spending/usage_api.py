"""REST: what the user has used: calls, minutes, tokens and cost, by day; what is left of budgets.

Days and months are those of the server's `TIME_ZONE`. A call belongs to the day on which it began,
a usage to the day on which it was stored. Usages outlive their conversations; calls do not: those
of a conversation that was deleted for good are in no sum.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal, TypedDict

from django.db.models import Count, DurationField, ExpressionWrapper, F, Sum, Value
from django.db.models.functions import Coalesce, Greatest, Least, TruncDate
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts import tokens
from backend.api_schema import body, errors
from backend.conversations.models import Call, Usage
from backend.conversations.queries import NOTHING_SPENT, Spent, spent_in, sums_by
from backend.conversations.serializers import usd
from backend.spending.budgets_left import left_by_user

DEFAULT_DAYS = 30
MAX_DAYS = 366


class UsageSumsJSON(TypedDict):
    """What was used in a time: `usage` and `cost` (USD) as in a session; an unknown cost is null.

    `minutes` are those of calls.
    """

    calls: int
    minutes: float
    usage: dict[str, float]
    cost: str | None
    cost_estimated: bool


class UsageDayJSON(UsageSumsJSON):
    """What was used on a day, in the time zone of the answer."""

    date: date


class BudgetJSON(TypedDict):
    """One limit of the user: what of it is used and left.

    `limit`, `used`, `reserved` and `left` are USD of the month (`money`), minutes of talk of the
    day, or numbers of calls. `reserved` is held by what runs, and is still counted in `left`.
    `resets_at` is null where no time is known.
    """

    kind: Literal["money", "minutes", "calls_at_once", "calls_per_hour"]
    limit: float
    used: float
    reserved: float
    left: float
    resets_at: datetime | None


class OwnUsageJSON(TypedDict):
    """What the user has used. `days` has every day, today last; `month` is the one of today."""

    time_zone: str
    days: list[UsageDayJSON]
    today: UsageDayJSON
    month: UsageSumsJSON
    budgets: list[BudgetJSON]


class UsagePeriod(serializers.Serializer[Any]):
    """The query parameters: how many days, until today."""

    days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, default=DEFAULT_DAYS)


class OwnUsage(APIView):
    """`GET`: what the user has used, and what is left of their budgets."""

    @extend_schema(
        operation_id="readUsage",
        parameters=[
            OpenApiParameter("days", int, description="How many days, today included; 30."),
        ],
        responses={200: body(OwnUsageJSON), **errors(400, 401)},
    )
    def get(self, request: Request) -> Response:
        """The sums by day, of today and of this month. 400 `invalid` for a bad number of days."""
        given = UsagePeriod(data=request.query_params)
        given.is_valid(raise_exception=True)
        user_id, now = tokens.user_id_of(request), timezone.now()
        answer = own_usage(user_id, given.validated_data["days"], now)
        return Response(answer)


def left_of_budgets(user_id: int, now: datetime) -> list[BudgetJSON]:
    """Return what is left of each limit that applies to the user, money first."""
    return [
        {
            "kind": each["kind"],
            "limit": round(float(each["limit"]), 4),
            "used": round(float(each["used"]), 4),
            "reserved": round(float(each["reserved"]), 4),
            "left": round(float(each["left"]), 4),
            "resets_at": each["resets_at"],
        }
        for each in left_by_user([user_id], now)[user_id]
    ]


@dataclass(frozen=True, slots=True)
class Sums:
    """What was used in a time."""

    calls: int = 0
    talk: timedelta = timedelta()
    spent: Spent = NOTHING_SPENT

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.calls + other.calls, self.talk + other.talk, _added(self.spent, other.spent)
        )


def own_usage(user_id: int, days: int, now: datetime) -> OwnUsageJSON:
    """Return what the user has used in the last `days` days. Two queries, and the budgets'."""
    zone = timezone.get_default_timezone()
    today = now.astimezone(zone).date()
    first, month_began = today - timedelta(days=days - 1), today.replace(day=1)
    by_day = sums_by_day(user_id, min(first, month_began), now, zone)
    listed = [
        _day_json(each, by_day.get(each, Sums()))
        for each in (first + timedelta(days=number) for number in range(days))
    ]
    month = sum((sums for day, sums in by_day.items() if day >= month_began), Sums())
    return {
        "time_zone": str(zone),
        "days": listed,
        "today": listed[-1],
        "month": _sums_json(month),
        "budgets": left_of_budgets(user_id, now),
    }


def sums_by_day(user_id: int, first: date, now: datetime, zone: tzinfo) -> Mapping[date, Sums]:
    """Return what the user has used by day, from `first` on; days without anything are missing."""
    since = datetime.combine(first, time(), tzinfo=zone)
    sums: dict[date, Sums] = {}
    usages = Usage.objects.filter(user_id=user_id, created_at__gte=since)
    for row in sums_by(usages.annotate(day=TruncDate("created_at", tzinfo=zone)), "day"):
        sums[row["day"]] = Sums(spent=spent_in(row))
    # A call that is open lasts until now, one whose process died until its lease ended.
    ended_at = Coalesce(F("ended_at"), Least(Value(now), F("lease_until")))
    talk = ExpressionWrapper(
        Greatest(ended_at, F("started_at")) - F("started_at"), output_field=DurationField()
    )
    calls = Call.objects.filter(session__user_id=user_id, started_at__gte=since).order_by()
    by_day = calls.annotate(day=TruncDate("started_at", tzinfo=zone)).values_list("day")
    rows: Iterable[tuple[date, int, timedelta]] = by_day.annotate(
        number=Count("pk"), lasted=Sum(talk)
    )
    for day, number, lasted in rows:
        sums[day] = sums.get(day, Sums()) + Sums(number, lasted)
    return sums


def _added(one: Spent, other: Spent) -> Spent:
    counts = {
        each.name: getattr(one.counts, each.name) + getattr(other.counts, each.name)
        for each in fields(one.counts)
        if each.name in one.counts_json()
    }
    costs: Sequence[Decimal | None] = (one.cost_usd, other.cost_usd)
    known = [cost for cost in costs if cost is not None]
    return Spent(
        replace(one.counts, **counts),
        sum(known, Decimal(0)) if len(known) == len(costs) else None,
        one.is_estimated or other.is_estimated,
    )


def _sums_json(sums: Sums) -> UsageSumsJSON:
    return {
        "calls": sums.calls,
        "minutes": round(sums.talk.total_seconds() / 60, 2),
        "usage": dict(sums.spent.counts_json()),
        "cost": usd(sums.spent.cost_usd),
        "cost_estimated": sums.spent.is_estimated,
    }


def _day_json(day: date, sums: Sums) -> UsageDayJSON:
    return {"date": day, **_sums_json(sums)}
