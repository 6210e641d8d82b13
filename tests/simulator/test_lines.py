"""The script itself."""

import re

import pytest

from backend.simulator.effects import Language
from backend.simulator.lines import KEYWORDS, LINES, PHRASES, STORY, UNDERSTANDING_NEEDED
from backend.simulator.persona import intent_of

LANGUAGES: tuple[Language, ...] = ("en", "ja")
UNREADABLE = re.compile(r"[\u4e00-\u9fff0-9A-Za-z]")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_has_lines_and_every_line_can_be_told_from_the_others(
    language: Language,
) -> None:
    intents = {intent for intent, _ in KEYWORDS[language]} | set(STORY)
    intents |= set(UNDERSTANDING_NEEDED.values())
    assert intents <= LINES[language].keys()
    beginnings = [line.caption[:12] for lines in LINES[language].values() for line in lines]
    assert len(set(beginnings)) == len(beginnings)


def test_both_languages_tell_the_same_story() -> None:
    lengths = [{intent: len(lines) for intent, lines in LINES[each].items()} for each in LANGUAGES]
    assert lengths[0] == lengths[1]
    assert len(PHRASES["en"]) == len(PHRASES["ja"]) >= 8


def test_japanese_readings_hold_kana_only() -> None:
    lines = [line for group in LINES["ja"].values() for line in group]
    for line in [*lines, *PHRASES["ja"]]:
        assert not UNREADABLE.search(line.reading), line.reading


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_suggested_sentence_means_something_else(language: Language) -> None:
    intents = [intent_of(phrase.caption, language) for phrase in PHRASES[language]]
    assert None not in intents
    assert len(set(intents)) == len(intents)


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_are_short_enough_to_listen_to(language: Language) -> None:
    for group in LINES[language].values():
        for line in group:
            assert len(re.findall(r"[.?!。？]", line.caption)) <= 3
