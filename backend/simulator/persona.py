"""PURE: the scripted customer of a sales conversation, in English and Japanese.

An answer follows from what was heard (intent by keyword), and from what the customer has said
before, which the conversation itself tells: so a call that is rebuilt from its history goes on
where it was, and nothing is said twice while there is something new to say.

The language is the person's own: Japanese where their last words hold Japanese letters, English
where they hold Latin ones. Before they said anything, the transcription language that the session
names; without one, Japanese where the instructions hold Japanese letters; else English.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from backend.simulator.effects import Language, Line
from backend.simulator.lines import (
    KEYWORDS,
    LINES,
    PHRASES,
    STORY,
    UNDERSTANDING_NEEDED,
    Spoken,
)

SUGGESTIONS: dict[Language, list[str]] = {
    language: [phrase.caption for phrase in phrases] for language, phrases in PHRASES.items()
}
"""The sentences that are recognised by ear."""

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")
_SIGNATURE_LETTERS = 12
_SHORTEST_PART = 4


def intent_of(text: str, language: Language) -> str | None:
    """What the person wants to know, by the keywords of the table; None where nothing matches."""
    words = f" {text.lower()} "
    scores = {
        intent: sum(len(keyword) for keyword in keywords if keyword in words)
        for intent, keywords in KEYWORDS[language]
    }
    best = max(scores, key=lambda intent: scores[intent])
    return best if scores[best] else None


def was_said(line: Spoken, said: Sequence[str]) -> bool:
    """Whether a line, or the beginning of it that was heard, is among the texts."""
    signature = line.caption[:_SIGNATURE_LETTERS]
    return any(
        signature in text or (len(text) >= _SHORTEST_PART and line.caption.startswith(text))
        for text in (each.strip(" …") for each in said)
    )


class Persona(Protocol):
    """Who the assistant is."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """The language to answer in."""

    def answer(self, heard: str | None, said: Sequence[str], language: Language) -> Line:
        """The next line. `heard` None: something, but not understood; "": nothing at all."""


class Customer:
    """Answers as the script has it; holds no state of its own."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """The language to answer in; see above for how it is decided."""
        for text in reversed(user_texts):
            if _JAPANESE.search(text):
                return "ja"
            if _LATIN.search(text):
                return "en"
        if transcription_language:
            return "ja" if transcription_language.lower().startswith("ja") else "en"
        return "ja" if _JAPANESE.search(instructions) else "en"

    def answer(self, heard: str | None, said: Sequence[str], language: Language) -> Line:
        """The next line. `heard` None: something, but not understood; "": nothing at all."""
        spoken = self._answer(heard, said, LINES[language], language)
        caption = ("" if language == "ja" else " ").join(each.caption for each in spoken)
        return Line(caption, " ".join(each.reading for each in spoken), language)

    def _answer(
        self,
        heard: str | None,
        said: Sequence[str],
        lines: dict[str, tuple[Spoken, ...]],
        language: Language,
    ) -> list[Spoken]:
        if heard is None:
            # Somebody whose voice the ears do not know still hears the whole story.
            sorry = _least_recent(lines["unclear"], said)
            story = _story(lines, said)
            return [sorry, story or lines["unclear_end"][0]]
        if not heard.strip():
            opening = lines["greeting"][0]
            return [_least_recent(lines["silence"], said) if said else opening]
        intent = intent_of(heard, language)
        if intent == "repeat" and said:
            return [lines["repeat"][0], Spoken(said[-1], _reading_of(said[-1], lines))]
        if intent in UNDERSTANDING_NEEDED and not _has_told(lines, said):
            early = lines[UNDERSTANDING_NEEDED[intent]][0]
            if not was_said(early, said):
                return [early]
        fresh = _fresh(lines[intent], said) if intent in lines and intent != "repeat" else None
        return [fresh or _story(lines, said) or _least_recent(lines["again"], said)]


def _fresh(lines: Sequence[Spoken], said: Sequence[str]) -> Spoken | None:
    return next((line for line in lines if not was_said(line, said)), None)


def _story(lines: dict[str, tuple[Spoken, ...]], said: Sequence[str]) -> Spoken | None:
    """The next piece that the customer tells unasked: one of each stage, then round again."""
    for depth in range(max(len(lines[stage]) for stage in STORY)):
        for stage in STORY:
            if depth < len(lines[stage]) and not was_said(lines[stage][depth], said):
                return lines[stage][depth]
    return None


def _has_told(lines: dict[str, tuple[Spoken, ...]], said: Sequence[str]) -> bool:
    stages = ("problem", "implication", "loss", "payoff")
    return any(was_said(line, said) for stage in stages for line in lines[stage])


def _least_recent(lines: Sequence[Spoken], said: Sequence[str]) -> Spoken:
    """A line not said yet, or the one that was said longest ago."""

    def last_said(line: Spoken) -> int:
        return max((place for place, text in enumerate(said) if was_said(line, [text])), default=-1)

    return min(lines, key=last_said)


def _reading_of(text: str, lines: dict[str, tuple[Spoken, ...]]) -> str:
    """How to speak what was said: the readings of the lines that are in it."""
    found = [
        (text.index(line.caption[:_SIGNATURE_LETTERS]), line.reading)
        for group in lines.values()
        for line in group
        if line.caption[:_SIGNATURE_LETTERS] in text
    ]
    return " ".join(reading for _, reading in sorted(found)) or text
