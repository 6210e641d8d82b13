"""The script in both languages."""

import re
from itertools import permutations

import pytest

from backend.simulator.engine.effects import Language
from backend.simulator.persona.customer import was_said
from backend.simulator.persona.script import (
    COURTESIES,
    FACTS,
    FOLLOWED_BY,
    GOES_ON,
    KEYWORDS,
    LED_BY_A_NOD,
    LINES,
    OPENINGS,
    PHRASES,
    STORY,
    UNDERSTANDING_NEEDED,
)

LANGUAGES: tuple[Language, ...] = ("en", "ja")


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_script_names_has_lines(language: Language) -> None:
    named = {*STORY, *FACTS, *COURTESIES, *FOLLOWED_BY, *FOLLOWED_BY.values(), *LED_BY_A_NOD}
    named |= {*UNDERSTANDING_NEEDED, *UNDERSTANDING_NEEDED.values()}
    assert named <= LINES[language].keys()
    assert not GOES_ON & LINES[language].keys()
    understood = {intent for table in KEYWORDS[language] for intent in table}
    assert {*OPENINGS, *COURTESIES, *GOES_ON} <= understood | {"yes", "no"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_can_be_told_from_the_others(language: Language) -> None:
    every_line = [line for lines in LINES[language].values() for line in lines]
    for line, other in permutations(every_line, 2):
        assert not was_said(line, [other.caption]), (line.caption, other.caption)


def test_both_languages_tell_the_same_story() -> None:
    lengths = [{intent: len(lines) for intent, lines in LINES[each].items()} for each in LANGUAGES]
    assert lengths[0] == lengths[1]
    assert len(PHRASES["en"]) == len(PHRASES["ja"]) >= 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_are_short_enough_to_listen_to(language: Language) -> None:
    for group in LINES[language].values():
        for line in group:
            assert len(re.findall(r"[.?!。？]", line.caption)) <= 3
