"""Reads the stored figures of some days and adds them up: by day, and by user or model.

One query for the figures, whatever their number of turns and calls, and one for the usernames.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Aggregate, BigIntegerField, F, Sum, TextField
from django.db.models.functions import Cast

from backend.conversations.models import COST_PLACES
from backend.reports.joined_counts import SEPARATOR
from backend.reports.models import DailyFigures
from backend.reports.query import Group, Query
from backend.reports.tally import SUMS, Tally
from backend.reports.words import WORDS


@dataclass
class Share:
    """The figures of one user or model. `by_day` has only the days with figures."""

    label: str
    by_day: dict[date, Tally] = field(default_factory=dict)

    def add(self, day: date, tally: Tally) -> None:
        """Add the figures of a part of a day."""
        self.by_day.setdefault(day, Tally()).merge(tally)

    @cached_property
    def total(self) -> Tally:
        """The figures of all days. Read it when all of them are added: it is computed once."""
        total = Tally()
        for tally in self.by_day.values():
            total.merge(tally)
        return total


@dataclass(slots=True)
class Report:
    """The figures of `days`, from the first to the last, and those of each user or model.

    `shares` begins with the most expensive one. It is empty if nothing was asked to be divided.
    """

    days: list[date]
    everything: Share
    shares: list[Share]

    @property
    def total(self) -> Tally:
        """The figures of all days."""
        return self.everything.total

    @property
    def by_day(self) -> dict[date, Tally]:
        """The figures of each day that has some."""
        return self.everything.by_day


_COST = SUMS.index("cost_usd")
_STEP_USD = Decimal(1).scaleb(-COST_PLACES)
_KEYS: Mapping[Group, Any] = {
    Group.ALL: F("day"),
    Group.MODEL: F("model"),
    Group.USER: F("user_id"),
}


def read_report(query: Query, today: date) -> Report:
    """Read the figures of the last days, `today` included."""
    days = [today - timedelta(days=age) for age in reversed(range(query.days))]
    everything = Share("")
    shares: defaultdict[Hashable, Share] = defaultdict(lambda: Share(""))
    for (day, key), tally in _read(query.group, days[0], today).items():
        everything.add(day, tally)
        if query.group is not Group.ALL:
            shares[key].by_day[day] = tally
    for tally in everything.by_day.values():
        # Now, so that the total of all days adds up 90 histograms and not thousands of texts.
        _ = tally.first_sound.counts
    _label(query.group, shares)
    return Report(days, everything, sorted(shares.values(), key=_rank))


def _read(group: Group, first: date, last: date) -> dict[tuple[date, Hashable], Tally]:
    """The figures by day and key. The histograms are only joined in SQL, and added up here.

    The database adds up the sums: of 13,500 rows, the converters of Django and additions in Python
    took most of the time.
    """
    figures = DailyFigures.objects.filter(day__range=(first, last)).order_by()
    by_key = figures.annotate(key=_KEYS[group]).values("day", "key")
    columns = {f"{name}_sum": _sum(name) for name in SUMS}
    columns |= {f"{name}_joined": JoinedText(name) for name in ("endings", "first_sound")}
    tallies: defaultdict[tuple[date, Hashable], Tally] = defaultdict(Tally)
    for row in by_key.annotate(**columns).values_list("day", "key", *columns):
        sums = list(row[2:-2])
        sums[_COST] = Decimal(sums[_COST]).quantize(_STEP_USD)
        tallies[row[0], row[1]].add(sums, row[-2], row[-1])
    return tallies


class JoinedText(Aggregate):
    """The texts of a column of JSON, one after the other."""

    function = "STRING_AGG"
    template = f"%(function)s(%(expressions)s, '{SEPARATOR}')"

    def __init__(self, name: str) -> None:
        super().__init__(Cast(name, TextField()), output_field=TextField())

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The same under SQLite's name."""
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


def _sum(name: str) -> Any:
    """The sum of a column. PostgreSQL's sum of large integers is a decimal, here it is not."""
    return Sum(name) if name == "cost_usd" else Cast(Sum(name), BigIntegerField())


def _label(group: Group, shares: dict[Hashable, Share]) -> None:
    """Name each share by its model or user."""
    names: dict[Hashable, str] = {}
    if group is Group.USER:
        users = get_user_model()._default_manager.filter(pk__in=[key for key in shares if key])
        names = {user.pk: user.get_username() for user in users}
        names[None] = WORDS["deleted_users"]
    for key, share in shares.items():
        share.label = names.get(key, str(key))


def _rank(share: Share) -> tuple[object, ...]:
    return (-share.total.cost_usd, -share.total.calls, share.label)
