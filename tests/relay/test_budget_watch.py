"""Which changes of a budget's level are sent to the client."""

from datetime import UTC, datetime
from decimal import Decimal

from backend.protocol.budget_state import BudgetKind, BudgetLevel, BudgetState
from backend.relay.budget_watch import BudgetLevelChange, BudgetWatch

MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)


def state(kind: BudgetKind, used: int, limit: int = 10) -> BudgetState:
    resets_at = DECEMBER if kind == "money" else MIDNIGHT
    return BudgetState(kind, Decimal(limit), Decimal(used), resets_at)


def levels(changes: list[BudgetLevelChange]) -> list[tuple[str, str]]:
    return [(each.kind, each.level) for each in changes]


def test_each_level_is_sent_once() -> None:
    watch = BudgetWatch()
    sent = [levels(watch.update([state("money", used)])) for used in (0, 7, 8, 9, 10, 11)]
    assert sent == [[], [], [("money", "warning")], [], [("money", "spent")], []]


def test_a_raised_budget_is_ok_again() -> None:
    watch = BudgetWatch()
    watch.update([state("minutes", 10)])
    assert watch.spent == state("minutes", 10)
    raised = state("minutes", 10, 100)
    assert watch.update([raised]) == [BudgetLevelChange("minutes", BudgetLevel.OK, raised)]
    assert watch.spent is None


def test_a_budget_that_is_removed_is_ok_again() -> None:
    watch = BudgetWatch()
    watch.update([state("money", 9)])
    assert watch.update([]) == [BudgetLevelChange("money", BudgetLevel.OK, None)]
    assert watch.update([]) == []


def test_each_kind_is_watched_by_itself_and_the_spent_one_that_resets_last_counts() -> None:
    watch = BudgetWatch()
    assert levels(watch.update([state("money", 10), state("minutes", 8)])) == [
        ("money", "spent"),
        ("minutes", "warning"),
    ]
    assert levels(watch.update([state("money", 10), state("minutes", 10)])) == [
        ("minutes", "spent")
    ]
    assert watch.spent == state("money", 10)
