"""PURE: when people talk: on weekdays more than at weekends, by day more than at night."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

DAYS: Final = 90
"""The demo data begin this many days before now."""

_WEEKDAYS: Final = (1.0, 1.1, 1.0, 1.0, 0.8, 0.25, 0.2)
"""The weight of each weekday, from Monday on."""
_HOURS: Final = (
    *(1, 0, 0, 0, 0, 1, 2, 5, 12, 22, 26, 22),
    *(10, 18, 24, 22, 18, 14, 9, 7, 7, 6, 4, 2),
)
"""The weight of each hour of the local day."""


def session_start(dice: Random, now: datetime, utc_offset_h: int) -> datetime:
    """A moment of the last `DAYS` days, at a likely time of day where the person lives."""
    local_now = now + timedelta(hours=utc_offset_h)
    midnights = [
        local_now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
        for days in range(DAYS)
    ]
    weights = [_WEEKDAYS[each.weekday()] for each in midnights]
    (midnight,) = dice.choices(midnights, weights)
    (hour,) = dice.choices(range(24), _HOURS)
    moment = midnight + timedelta(hours=hour, seconds=dice.uniform(0, 3600))
    return moment - timedelta(hours=utc_offset_h)


def pause_between_visits(dice: Random) -> timedelta:
    """How long a person stays away from a session: minutes, or until one of the next days."""
    if dice.random() < 0.75:
        return timedelta(minutes=dice.uniform(1, 40))
    return timedelta(days=dice.choice((1, 1, 2, 3, 7)), minutes=dice.uniform(-90, 90))


def back_into_the_past(end: datetime, now: datetime) -> timedelta:
    """How far a session that ends then has to be moved back, in whole weeks: it keeps its weekday.

    Zero if it ends before now.
    """
    weeks = -((now - end) // timedelta(weeks=1))
    return timedelta(weeks=max(weeks, 0))
