"""The API error of a typed message, a clip or a WebRTC call that a budget does not allow."""

from collections.abc import Mapping

from backend.api_errors import ApiRefused
from backend.protocol.budget_state import BudgetKind
from backend.protocol.errors import BudgetSpent

BUDGET_STATUSES: Mapping[BudgetKind, int] = {"money": 402, "minutes": 429}
"""The HTTP status of `budget_spent`, by what is used up."""

RESERVED_RETRY_S = 30.0
"""When to try again if what runs has reserved the rest of a budget: it may have ended by then."""


def budget_refused(spent: BudgetSpent) -> ApiRefused:
    """The error with its status, `Retry-After`, and the time at which the budget starts again.

    Without such a time if the limit is 0; that is also why `Retry-After` may be missing.
    """
    refused = ApiRefused("budget_spent", BUDGET_STATUSES[spent.kind])
    refused.resets_at = spent.resets_at
    refused.wait = RESERVED_RETRY_S if spent.is_only_reserved else spent.retry_after_s
    return refused
