"""The years, months and days that the admin's list of sessions links to."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Min, QuerySet
from django.db.models.functions import ExtractDay
from django.utils import timezone

from backend.conversations.models import Session


class SessionDates:
    """What the template of Django's date hierarchy reads of a list: two methods of a QuerySet.

    Django asks the database for the distinct years, months or days of all rows. SQLite computes
    each in Python (60 ms for 5,000 sessions), and Django reads the days of all months if the list
    is not filtered. Here years and months are all those from the first session to the last, without
    a query, and only the days of one month are read.
    """

    def __init__(self, sessions: QuerySet[Session], params: Mapping[str, Any]) -> None:
        self._sessions = sessions
        self._params = params
        self._span: tuple[date, date] | None = None

    def aggregate(self, **_: Any) -> dict[str, datetime | None]:
        """`first` and `last`: the times of the oldest and of the newest session; None without."""
        found = self._sessions.order_by().aggregate(first=Min("created_at"), last=Max("created_at"))
        if found["first"] is not None:
            first, last = (timezone.localtime(found[name]).date() for name in ("first", "last"))
            self._span = (first, last)
        return found

    def datetimes(self, _field: str, kind: str) -> list[date]:
        """The years, or the months of the chosen year, or the days of the chosen month."""
        if self._span is None:
            self.aggregate()
        if self._span is None:
            return []
        first, last = self._span
        year = int(self._params.get("created_at__year", first.year))
        if kind == "year":
            return [date(each, 1, 1) for each in range(first.year, last.year + 1)]
        if kind == "month":
            months = (date(year, month, 1) for month in range(1, 13))
            return [each for each in months if first.replace(day=1) <= each <= last]
        return self._days(year, int(self._params.get("created_at__month", first.month)))

    def _days(self, year: int, month: int) -> list[date]:
        zone = timezone.get_current_timezone()
        begin = datetime(year, month, 1, tzinfo=zone)
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
        in_month = self._sessions.filter(created_at__gte=begin, created_at__lt=end)
        days = in_month.order_by().values_list(ExtractDay("created_at"), flat=True).distinct()
        return [date(year, month, day) for day in sorted(days)]
