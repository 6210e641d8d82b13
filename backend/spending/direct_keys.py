"""Checks a user's limits before they get an ephemeral key, with which they talk unseen.

What a key is used for is in no row of ours, so nothing can be reserved or counted. What is known is
whether the user may talk at all, and whether anything of their budgets is left.
"""

from datetime import datetime

from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.spending.budget_usage import limits_of
from backend.spending.reservations import check_budgets


def check_key(user_id: int, now: datetime) -> None:
    """Check that the user may have a key now.

    Raises AdmissionRefused("calls_not_allowed") if they may make no call, and BudgetSpent if their
    money or minutes are used up, or reserved by what runs.
    """
    limits = limits_of([user_id])[user_id]
    if 0 in (limits.count("calls_at_once"), limits.count("calls_per_hour")):
        raise AdmissionRefused("calls_not_allowed", Ending.FORBIDDEN)
    if limits.by_kind.keys() & {"money", "minutes"}:
        check_budgets(user_id, limits, now)
