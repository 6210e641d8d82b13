"""PURE: draws outcomes in fixed proportions, so that also rare ones occur in a small number."""

from collections.abc import Mapping
from random import Random
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")


class Deck(Generic[Outcome]):
    """Draws each outcome as often as its number of cards says, in a random order.

    Once all cards are drawn, they are shuffled again. Independent random draws would often leave
    out an outcome of one percent among 200.
    """

    def __init__(self, cards: Mapping[Outcome, int], dice: Random) -> None:
        self._cards = [outcome for outcome, number in cards.items() for _ in range(number)]
        self._dice = dice
        self._left: list[Outcome] = []

    def draw(self) -> Outcome:
        """The next outcome."""
        if not self._left:
            self._left = list(self._cards)
            self._dice.shuffle(self._left)
        return self._left.pop()
