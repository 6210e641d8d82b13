"""PURE: what the person wants, by the words they used.

English keywords are whole words, so each inflection that counts is listed; Japanese has no spaces,
so its keywords are found anywhere. A keyword inside a longer one does not count: "no problem" is no
problem, and もしもし is no もし. Of what is left, only the earliest table counts, and in it the
intent with the most letters, the earlier one of two that tie.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from backend.simulator.engine.effects import Language
from backend.simulator.persona.script import KEYWORDS, UTTERANCES

MOST_LETTERS: Final = 1_000
"""So many from the end are looked at: what is done takes the square of it."""

_QUESTIONS: Final[dict[Language, re.Pattern[str]]] = {
    "en": re.compile(
        r"\?\W*$|^(?:what|how|why|when|where|who|whom|which|do|does|did|is|are|can|could|would|will"
        r"|have|has|shall|should)\b|\b(?:tell|walk|show) me\b|\b(?:describe|explain)\b"
    ),
    "ja": re.compile(r"\?\W*$|(?:か|かね|かな|でしょう)\W*$|教えて|聞かせて"),
}

_Match = tuple[int, int, int, str, str]
"""From, to, the tier, the intent and the keyword."""


def _plain(text: str) -> str:
    """Small letters, one width, straight apostrophes."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")


def _words_of(text: str) -> str:
    """The text without what is not a word."""
    return " ".join(re.findall(r"[\w']+", text))


@lru_cache(maxsize=2)
def _patterns(language: Language) -> tuple[tuple[int, str, str, re.Pattern[str]], ...]:
    edge = r"\b" if language == "en" else ""
    return tuple(
        (tier, intent, keyword, re.compile(f"{edge}{re.escape(keyword)}{edge}"))
        for tier, table in enumerate(KEYWORDS[language])
        for intent, keywords in table.items()
        for keyword in keywords.split(", ")
    )


@lru_cache(maxsize=2)
def _utterances(language: Language) -> Mapping[str, str]:
    return {
        utterance: intent
        for intent, utterances in UTTERANCES[language].items()
        for utterance in utterances.split(", ")
    }


def _matches(text: str, language: Language) -> Iterator[_Match]:
    for tier, intent, keyword, pattern in _patterns(language):
        for found in pattern.finditer(text):
            yield (*found.span(), tier, intent, keyword)


def _is_inside(inner: _Match, outer: _Match) -> bool:
    is_shorter = inner[1] - inner[0] < outer[1] - outer[0]
    return is_shorter and outer[0] <= inner[0] and inner[1] <= outer[1]


def intent_of(text: str, language: Language) -> str | None:
    """What the person wants to know; None where no keyword of the table is in it."""
    plain = _plain(text[-MOST_LETTERS:])
    whole = _utterances(language).get(_words_of(plain))
    if whole is not None:
        return whole
    found = list(_matches(plain, language))
    counted = [each for each in found if not any(_is_inside(each, other) for other in found)]
    if not counted:
        return None
    first_tier = min(tier for _, _, tier, _, _ in counted)
    keywords = {(intent, keyword) for _, _, tier, intent, keyword in counted if tier == first_tier}
    scores = {
        intent: sum(len(keyword) for each, keyword in keywords if each == intent)
        for intent in KEYWORDS[language][first_tier]
    }
    return max(scores, key=lambda intent: scores[intent])


def is_question(text: str, language: Language) -> bool:
    """Whether the person asks for something, and does not tell it."""
    return _QUESTIONS[language].search(_plain(text[-MOST_LETTERS:]).strip()) is not None
