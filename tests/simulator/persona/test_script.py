"""The script in both languages."""

import re
from itertools import permutations

import pytest

from backend.simulator.engine.effects import Language
from backend.simulator.persona.customer import was_said
from backend.simulator.persona.script import (
    CONFIRMABLE,
    CONTINUATION_PROMPTS,
    COURTESIES,
    FACTS,
    FOLLOW_UPS,
    KEYWORDS,
    LINES,
    OPENINGS,
    PHRASES,
    PREMATURE,
    STORY,
)

LANGUAGES: tuple[Language, ...] = ("en", "ja")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_that_the_script_names_has_lines(language: Language) -> None:
    named = {*STORY, *FACTS, *COURTESIES, *FOLLOW_UPS, *FOLLOW_UPS.values(), *CONFIRMABLE}
    named |= {*PREMATURE, *PREMATURE.values()}
    assert named <= LINES[language].keys()
    assert not CONTINUATION_PROMPTS & LINES[language].keys()
    understood = {intent for table in KEYWORDS[language] for intent in table}
    assert {*OPENINGS, *COURTESIES, *CONTINUATION_PROMPTS} <= understood | {"yes", "no"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_is_identified_by_its_first_letters(language: Language) -> None:
    every_line = [line for lines in LINES[language].values() for line in lines]
    for line, other in permutations(every_line, 2):
        assert not was_said(line, [other.caption]), (line.caption, other.caption)


def test_both_languages_have_the_same_intents() -> None:
    lengths = [{intent: len(lines) for intent, lines in LINES[each].items()} for each in LANGUAGES]
    assert lengths[0] == lengths[1]
    assert len(PHRASES["en"]) == len(PHRASES["ja"]) >= 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_short_enough_to_listen_to(language: Language) -> None:
    for group in LINES[language].values():
        for line in group:
            assert len(re.findall(r"[.?!。？]", line.caption)) <= 3
