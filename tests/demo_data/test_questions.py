"""What the people of the demo data say, in both languages."""

import re
from collections.abc import Mapping

import pytest

from backend.demo_data.questions import OPENINGS, SPOKEN, TITLES, WRITTEN
from backend.wording import Language

TABLES = (OPENINGS, SPOKEN, WRITTEN, TITLES)


@pytest.mark.parametrize("table", TABLES)
def test_both_languages_say_as_much_and_nothing_twice(
    table: Mapping[Language, tuple[str, ...]],
) -> None:
    assert set(table) == {"en", "ja"}
    assert len(set(table["en"])) == len(set(table["ja"])) == len(table["ja"])
    assert all(re.search(r"[\u3040-\u30ff\uff66-\uff9f]", text) for text in table["ja"])


def test_titles_fit_their_column() -> None:
    assert max(len(title) for titles in TITLES.values() for title in titles) <= 200
