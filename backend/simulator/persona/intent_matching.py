"""PURE: the intent of a user's text, by keywords.

English keywords match whole words, so each inflection is listed; Japanese has no spaces, so its
keywords match anywhere. A keyword inside a longer one does not count: "no problem" is not the
keyword "problem", and もしもし is not もし. Of the keywords that are left, only those of the
earliest table count. The intent whose keywords have the most letters wins; on a tie, the first one.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from backend.simulator.engine.effects import Language
from backend.simulator.persona.script import KEYWORDS, WHOLE_UTTERANCES

MAX_LETTERS: Final = 1_000
"""Only the end of the text is searched: the time grows with the square of its length."""

_QUESTIONS: Final[dict[Language, re.Pattern[str]]] = {
    "en": re.compile(
        r"\?\W*$|^(?:what|how|why|when|where|who|whom|which|do|does|did|is|are|can|could|would|will"
        r"|have|has|shall|should)\b|\b(?:tell|walk|show) me\b|\b(?:describe|explain)\b"
    ),
    "ja": re.compile(r"\?\W*$|(?:か|かね|かな|でしょう)\W*$|教えて|聞かせて"),
}

_Match = tuple[int, int, int, str, str]
"""Start, end, index of the keyword table, intent, keyword."""


def _normalised(text: str) -> str:
    """Lower case, one character width (NFKC), straight apostrophes."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")


def _words(text: str) -> str:
    """The words of the text, joined by single spaces."""
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
def _intents_by_utterance(language: Language) -> Mapping[str, str]:
    return {
        utterance: intent
        for intent, utterances in WHOLE_UTTERANCES[language].items()
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
    """The intent of the text; None if it has no keyword."""
    normalised = _normalised(text[-MAX_LETTERS:])
    whole = _intents_by_utterance(language).get(_words(normalised))
    if whole is not None:
        return whole
    found = list(_matches(normalised, language))
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
    """Whether the text is a question or a request, and not a statement."""
    return _QUESTIONS[language].search(_normalised(text[-MAX_LETTERS:]).strip()) is not None
