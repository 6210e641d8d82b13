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
from dataclasses import dataclass
from typing import Final, Protocol

from backend.simulator.engine.effects import Language, Line, Spoken
from backend.simulator.persona.intents import intent_of, is_question
from backend.simulator.persona.script import (
    COURTESIES,
    FACTS,
    FOLLOWED_BY,
    GOES_ON,
    LED_BY_A_NOD,
    LINES,
    OPENINGS,
    PHRASES,
    STORY,
    UNDERSTANDING_NEEDED,
)

SUGGESTIONS: dict[Language, list[str]] = {
    language: [phrase.caption for phrase in phrases] for language, phrases in PHRASES.items()
}
"""The sentences that are recognised by ear."""

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"\w")
_SIGNATURE_LETTERS = 12
_SHORTEST_PART = 4
_NOT_REPEATED: Final = frozenset({"repeat", "unclear", "aside", "unknown", "told"})
"""What only leads to what is said."""


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
        spoken = _Talk(LINES[language], said, language).answer(heard)
        caption = ("" if language == "ja" else " ").join(each.caption for each in spoken)
        return Line(caption, " ".join(each.reading for each in spoken), language)


@dataclass(frozen=True, slots=True)
class _Talk:
    """The script, and how far it is by what was `said`."""

    lines: dict[str, tuple[Spoken, ...]]
    said: Sequence[str]
    language: Language

    def answer(self, heard: str | None) -> list[Spoken]:
        if heard is None:
            # Somebody whose voice the ears do not know still hears the whole story.
            story = None if self._is_settled() else self._story()
            return [self._next("unclear"), story or self.lines["unclear_end"][0]]
        if not _WORD.search(heard):
            return [self._to_silence()]
        intent = intent_of(heard, self.language)
        if not self.said and (intent in OPENINGS or intent in (None, "repeat")):
            return [self.lines["greeting"][0]]
        if intent == "repeat":
            return [self.lines["repeat"][0], *self._once_more()]
        line = self._after_an_answer(intent, heard) or self._to_the_point(intent)
        if line is not None:
            return [line]
        if self._is_settled():
            return [self._next("closing")]
        return self._go_on(intent, heard)

    def _to_silence(self) -> Spoken:
        if not self.said:
            return self.lines["greeting"][0]
        return self._next("closing" if self._is_settled() else "silence")

    def _to_the_point(self, intent: str | None) -> Spoken | None:
        """The line that answers this; None where there is none, or where all are said."""
        if intent in UNDERSTANDING_NEEDED and not self._has_told():
            early = self._fresh(UNDERSTANDING_NEEDED[intent])
            if early is not None:
                return early
        if intent in COURTESIES:
            return self._next(intent)
        return self._fresh(intent) if intent in self.lines else None

    def _after_an_answer(self, intent: str | None, heard: str) -> Spoken | None:
        """What the customer says next, where it had asked or proposed something."""
        last = self._last_group()
        # Facts are asked for; whoever tells one ("our team does that") answers.
        is_answer = (intent is None or intent in FACTS) and not is_question(heard, self.language)
        is_nod = intent in ("yes", "acknowledgement") and last in LED_BY_A_NOD
        if last not in FOLLOWED_BY or not (is_answer or is_nod):
            return None
        return self._fresh(FOLLOWED_BY[last])

    def _go_on(self, intent: str | None, heard: str) -> list[Spoken]:
        """What the customer tells without being asked, and what leads to it."""
        if intent in GOES_ON:
            last = self._last_group()
            more = self._fresh(last) if last in FACTS else None
            return [more or self._story() or self._next("again")]
        story = self._story()
        if story is None:
            return [self._next("again")]
        if intent in FACTS:
            return [self._next("told"), story]
        return [self._next("unknown" if is_question(heard, self.language) else "aside"), story]

    def _fresh(self, group: str) -> Spoken | None:
        return next((line for line in self.lines[group] if not was_said(line, self.said)), None)

    def _next(self, group: str) -> Spoken:
        """A line not said yet, or the one that was said longest ago."""

        def last_said(line: Spoken) -> int:
            places = (place for place, text in enumerate(self.said) if was_said(line, [text]))
            return max(places, default=-1)

        return min(self.lines[group], key=last_said)

    def _story(self) -> Spoken | None:
        """The next piece that the customer tells unasked: one of each stage, then round again."""
        for depth in range(max(len(self.lines[stage]) for stage in STORY)):
            for stage in STORY:
                pieces = self.lines[stage]
                if depth < len(pieces) and not was_said(pieces[depth], self.said):
                    return pieces[depth]
        return None

    def _has_told(self) -> bool:
        stages = ("problem", "implication", "loss", "payoff")
        return any(was_said(line, self.said) for stage in stages for line in self.lines[stage])

    def _is_settled(self) -> bool:
        """The trial is agreed, or goodbyes were said: nothing is left to tell."""
        last_words = (self.lines["trial"][-1], *self.lines["farewell"])
        return any(was_said(line, self.said) for line in last_words)

    def _last_group(self) -> str:
        found = _lines_in(self.said[-1], self.lines) if self.said else []
        return found[-1][0] if found else ""

    def _once_more(self) -> list[Spoken]:
        """What was said last, without what led to it."""
        last = self.said[-1]
        lines = [line for group, line in _lines_in(last, self.lines) if group not in _NOT_REPEATED]
        return lines or [Spoken(last, last)]


def _lines_in(text: str, lines: dict[str, tuple[Spoken, ...]]) -> list[tuple[str, Spoken]]:
    """The lines that a text is made of, in their order, each with its group."""
    found = [
        (text.find(line.caption[:_SIGNATURE_LETTERS]), group, line)
        for group, each in lines.items()
        for line in each
        if was_said(line, [text])
    ]
    # A text that broke off within its first letters may be the beginning of several.
    whole = [each for each in found if each[0] >= 0] or found[:1]
    return [(group, line) for _, group, line in sorted(whole, key=lambda each: each[0])]
