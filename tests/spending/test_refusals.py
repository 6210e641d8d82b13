"""What a budget that is used up becomes over HTTP."""

from datetime import UTC, datetime

import pytest

from backend.protocol.budget_state import BudgetKind
from backend.protocol.errors import BudgetSpent
from backend.spending.refusals import RESERVED_RETRY_S, budget_refused

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "status"), [("money", 402), ("minutes", 429)])
def test_money_is_402_and_minutes_are_429(kind: BudgetKind, status: int) -> None:
    refused = budget_refused(BudgetSpent(kind, 60, DECEMBER))
    assert (refused.code, refused.status_code) == ("budget_spent", status)
    assert (refused.wait, refused.resets_at) == (60, DECEMBER)


def test_without_a_known_time_there_is_none_but_what_is_reserved_is_soon_free() -> None:
    never = budget_refused(BudgetSpent("money"))
    assert (never.wait, never.resets_at) == (None, None)
    reserved = budget_refused(BudgetSpent("money", is_only_reserved=True))
    assert (reserved.wait, reserved.resets_at) == (RESERVED_RETRY_S, None)
