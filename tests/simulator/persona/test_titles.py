"""Titles of conversations with the scripted customer."""

from typing import get_args

import pytest

from backend.simulator.engine.effects import Language
from backend.simulator.persona.script import LINES, PHRASES
from backend.simulator.persona.titles import TITLES, title_of


@pytest.mark.parametrize("language", get_args(Language))
def test_each_suggestion_of_the_page_has_a_title_of_its_subject(language: Language) -> None:
    titles = [title_of(phrase.caption, language) for phrase in PHRASES[language]]
    assert set(titles) <= set(TITLES[language].values())
    assert len(set(titles)) == len(titles)


def test_the_titles_are_for_known_intents_in_both_languages() -> None:
    assert TITLES["en"].keys() == TITLES["ja"].keys() <= LINES["en"].keys()
    assert all(len(title.split()) <= 6 for title in TITLES["en"].values())


def test_a_title_of_anything_else_is_its_first_words() -> None:
    assert title_of("Xylophones on  the moon\nmake the oddest noises", "en") == (
        "Xylophones on the moon make the"
    )
    assert title_of("木琴" * 20, "ja") == "木琴" * 7 + "木"
    assert title_of("🇯🇵" * 20, "ja") == "🇯🇵" * 15
    assert title_of("", "en") == ""
