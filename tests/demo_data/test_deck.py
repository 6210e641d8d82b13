"""Decks: outcomes in fixed proportions and in a random order."""

from collections import Counter
from random import Random

from backend.demo_data.deck import Deck


def test_each_outcome_is_drawn_as_often_as_its_cards_say() -> None:
    deck = Deck({"usual": 9, "rare": 1}, Random(1))
    assert Counter(deck.draw() for _ in range(30)) == {"usual": 27, "rare": 3}


def test_the_order_is_random_and_repeatable() -> None:
    first, again = (Deck({"a": 5, "b": 5}, Random(2)) for _ in range(2))
    drawn = [first.draw() for _ in range(20)]
    assert drawn == [again.draw() for _ in range(20)]
    assert drawn[:10] != drawn[10:]
