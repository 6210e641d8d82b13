"""Texts with their characters as people see them, for the tests of the server and of the page.

`graphemes.json` is a list of `{"name", "characters", "heard"}`. The text is the characters joined.
`heard[n]` is how many characters `cut_to_whole_word` leaves of it for n code points.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """One text."""

    name: str
    characters: list[str]
    heard: list[int]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.characters)

    @property
    def boundaries(self) -> list[int]:
        """The positions in code points between its characters, with both ends."""
        return [0, *accumulate(map(len, self.characters))]

    @property
    def beginnings(self) -> list[str]:
        """The text cut at each of its boundaries."""
        return [self.text[:position] for position in self.boundaries]


def _cases() -> Iterator[Case]:
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    yield from (Case(**case) for case in json.loads(text))


CASES = tuple(_cases())
