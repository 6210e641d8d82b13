"""Decide what a user's budgets allow: the tightest limits, the periods, and the admission. PURE.

A budget limits what one person may use: money in a month, minutes of talk in a day, calls at once
and calls in an hour. It can be given to everybody, to a group (to each of its members), or to one
user; the settings hold the defaults. Of all that apply to a person the tightest counts, for each
of the four separately. None is no limit; 0 is "none allowed".

Months and days are those of the server's `TIME_ZONE`. A period has a start but, for what is
counted, no end: if the clock steps back over the start of a month, what was used in the month that
seemed to have begun still counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Literal

from backend.protocol.budget_state import (
    BudgetKind,
    BudgetState,
    last_to_reset,
    seconds_until_reset,
)

Scope = Literal["default", "everybody", "group", "user"]
"""Where a limit comes from; `default` is the settings."""

LimitKind = Literal["money", "minutes", "calls_at_once", "calls_per_hour"]

RESERVED_MINUTES = Decimal(1)
"""What an open call reserves beyond what it has used. So a user who has a minute left cannot open
several calls that each talk for a minute."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The four limits of one budget, or of the settings."""

    scope: Scope
    usd_per_month: Decimal | None = None
    minutes_per_day: int | None = None
    calls_at_once: int | None = None
    calls_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """The tightest limit of its kind, and where it comes from."""

    amount: Decimal
    scope: Scope


@dataclass(frozen=True, slots=True)
class Limits:
    """The tightest limits of one user; a kind that is missing has no limit."""

    by_kind: Mapping[LimitKind, Limit] = field(default_factory=dict)

    def amount(self, kind: LimitKind) -> Decimal | None:
        """Return the limit of this kind; None if there is none."""
        limit = self.by_kind.get(kind)
        return None if limit is None else limit.amount

    def count(self, kind: LimitKind) -> int | None:
        """Return the limit of this kind as a whole number; None if there is none."""
        amount = self.amount(kind)
        return None if amount is None else int(amount)

    def __bool__(self) -> bool:
        return bool(self.by_kind)


def tightest(grants: Iterable[Grant]) -> Limits:
    """Return the smallest limit of each kind. Of equal ones the first counts."""
    limits: dict[LimitKind, Limit] = {}
    for grant in grants:
        amounts: tuple[tuple[LimitKind, Decimal | int | None], ...] = (
            ("money", grant.usd_per_month),
            ("minutes", grant.minutes_per_day),
            ("calls_at_once", grant.calls_at_once),
            ("calls_per_hour", grant.calls_per_hour),
        )
        for kind, amount in amounts:
            if amount is not None and (kind not in limits or amount < limits[kind].amount):
                limits[kind] = Limit(Decimal(amount), grant.scope)
    return Limits(limits)


@dataclass(frozen=True, slots=True)
class Period:
    """A month or a day: from `start` until `end`, which is the start of the next."""

    start: datetime
    end: datetime


def month_of(now: datetime, zone: tzinfo) -> Period:
    """Return the month of `now` in this time zone."""
    first = now.astimezone(zone).date().replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(
        datetime.combine(first, time(), tzinfo=zone), datetime.combine(following, time(), zone)
    )


def day_of(now: datetime, zone: tzinfo) -> Period:
    """Return the day of `now` in this time zone; 23 or 25 hours where the clocks change."""
    day = now.astimezone(zone).date()
    return Period(
        datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """What one user has used in this month and on this day, and what is reserved now.

    `unpriced` is the number of ledger rows of the month whose price is unknown: they are in no sum.
    """

    usd: Decimal = Decimal(0)
    unpriced: int = 0
    minutes: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    reserved_minutes: Decimal = Decimal(0)


def states_of(limits: Limits, counted: Counted, now: datetime, zone: tzinfo) -> list[BudgetState]:
    """Return the state of the money and of the minutes, where they have a limit."""
    rows: tuple[tuple[BudgetKind, Decimal, Decimal, Period], ...] = (
        ("money", counted.usd, counted.reserved_usd, month_of(now, zone)),
        ("minutes", counted.minutes, counted.reserved_minutes, day_of(now, zone)),
    )
    states = []
    for kind, used, reserved, period in rows:
        amount = limits.amount(kind)
        if amount is not None:
            resets_at = period.end if amount else None
            states.append(BudgetState(kind, amount, used, resets_at, reserved))
    return states


@dataclass(frozen=True, slots=True)
class Allowed:
    """What was asked for may begin."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A budget is used up; or, `is_only_reserved`, what runs has reserved what is left of it.

    `retry_after_s` and `resets_at` are None where no time is known: another call has to end, or
    the limit is 0.
    """

    kind: BudgetKind
    is_only_reserved: bool = False
    retry_after_s: float | None = None
    resets_at: datetime | None = None


def admission(states: Iterable[BudgetState], now: datetime) -> Allowed | Refused:
    """Decide whether one more call, typed answer or clip may begin.

    It may as long as anything is left that nobody has reserved: so the last cent can be used, by
    one at a time.
    """
    states = list(states)
    spent = last_to_reset(state for state in states if state.is_spent)
    if spent is not None:
        return Refused(
            spent.kind,
            retry_after_s=seconds_until_reset(spent, now),
            resets_at=spent.resets_at,
        )
    for state in states:
        if state.used + state.reserved >= state.limit:
            return Refused(state.kind, is_only_reserved=True)
    return Allowed()
