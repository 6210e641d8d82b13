"""How much of a budget is used: what `relay.budget` and the REST API report. PURE.

A budget limits money (USD in a month) or minutes (of talk in a day). `spending.budget_usage` reads
the numbers from the database, and `spending.budgets` decides what they allow.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

BudgetKind = Literal["money", "minutes"]

WARN_AT = Decimal("0.8")
"""The used part of a budget from which on the user is warned."""


class BudgetLevel(StrEnum):
    """How much of a budget is used: below `WARN_AT`, from there on, or all of it."""

    OK = "ok"
    WARNING = "warning"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget of one user at one time: USD of a month, or minutes of a day.

    `used` is settled, `reserved` is held by what runs: open calls and typed answers. `resets_at` is
    when the next month or day begins; None if the limit is 0, which no new day changes.
    """

    kind: BudgetKind
    limit: Decimal
    used: Decimal
    resets_at: datetime | None
    reserved: Decimal = Decimal(0)

    @property
    def used_part(self) -> Decimal:
        """The used part, 0 to 1 or more. A limit of 0 is used up."""
        return self.used / self.limit if self.limit else Decimal(1)

    @property
    def left(self) -> Decimal:
        """What is not used, at least 0. The reserved part is still counted as left."""
        return max(self.limit - self.used, Decimal(0))

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        return self.used >= self.limit

    @property
    def level(self) -> BudgetLevel:
        """The level of the used part."""
        if self.is_spent:
            return BudgetLevel.SPENT
        return BudgetLevel.WARNING if self.used_part >= WARN_AT else BudgetLevel.OK


def last_to_reset(states: Iterable[BudgetState]) -> BudgetState | None:
    """Return the state that resets last, since nothing goes on before; None if there is none.

    One that never resets is later than all others.
    """
    return max(
        states,
        key=lambda state: (
            state.resets_at is None,
            state.resets_at.timestamp() if state.resets_at else 0.0,
        ),
        default=None,
    )


def seconds_until_reset(state: BudgetState, now: datetime) -> float | None:
    """Return the seconds until the budget resets, at least 1; None if it does not."""
    if state.resets_at is None:
        return None
    return max(1.0, (state.resets_at - now).total_seconds())
