"""Days in the time zone of the settings, and their bounds in time."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone

ONE_DAY = timedelta(days=1)


def day_of(moment: datetime) -> date:
    """The day of this moment in `TIME_ZONE`."""
    return moment.astimezone(timezone.get_default_timezone()).date()


def start_of(day: date) -> datetime:
    """The first moment of the day in `TIME_ZONE`."""
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """The first moment of the day, and that of the next one: 23 or 25 hours where clocks change."""
    return start_of(day), start_of(day + ONE_DAY)
