"""Finds the budgets whose level has changed since the client was last sent it. PURE.

`CallLogic` passes in the states at each heartbeat, and sends each change as `relay.budget`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.protocol.budget_state import BudgetKind, BudgetLevel, BudgetState, last_to_reset


@dataclass(frozen=True, slots=True)
class BudgetLevelChange:
    """The new level of a budget. `state` is None if the user has no such budget any more."""

    kind: BudgetKind
    level: BudgetLevel
    state: BudgetState | None


class BudgetWatch:
    """The budgets of a call's user, and the level of each that the client was last sent.

    A client assumes `ok` when its call opens, so `ok` is sent only after another level.
    """

    def __init__(self) -> None:
        self._known: dict[BudgetKind, BudgetLevel] = {}
        self._spent: BudgetState | None = None

    @property
    def spent(self) -> BudgetState | None:
        """The budget that is used up, of several the one that resets last; None if none is."""
        return self._spent

    def update(self, states: Sequence[BudgetState]) -> list[BudgetLevelChange]:
        """Replace the states of all budgets. Returns the levels that have changed."""
        now = {state.kind: state for state in states}
        changes = []
        for kind in dict.fromkeys((*self._known, *now)):
            state = now.get(kind)
            level = BudgetLevel.OK if state is None else state.level
            if level is not self._known.get(kind, BudgetLevel.OK):
                changes.append(BudgetLevelChange(kind, level, state))
            self._known[kind] = level
        self._spent = last_to_reset(state for state in states if state.is_spent)
        return changes
