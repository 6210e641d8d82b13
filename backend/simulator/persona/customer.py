"""PURE: the persona: a scripted customer in a sales conversation, in English and Japanese.

A reply depends on the user's text (intent by keyword) and on the customer's previous replies, which
the conversation itself contains. So a session that is rebuilt from its history continues where it
was, and no line is repeated while an unsaid one is left.

The language is the user's: Japanese if their last text with letters has Japanese ones, English if
it has only Latin ones. Before any user text it is the session's transcription language; without
one, Japanese if the instructions have Japanese letters, else English.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.simulator.engine.effects import Language, Sentence, Utterance
from backend.simulator.persona import titles
from backend.simulator.persona.intent_matching import intent_of, is_question
from backend.simulator.persona.script import (
    CONFIRMABLE,
    CONTINUATION_PROMPTS,
    COURTESIES,
    FACTS,
    FOLLOW_UPS,
    LINES,
    OPENINGS,
    PREMATURE,
    STORY,
)

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"\w")
_SIGNATURE_LENGTH = 12
_MIN_FRAGMENT_LENGTH = 4
_LEAD_INS: Final = frozenset({"repeat", "unclear", "aside", "unknown", "told"})
"""Intents whose lines only introduce another line, so "say that again" does not repeat them."""


def was_said(line: Sentence, replies: Sequence[str]) -> bool:
    """Whether a line, or the beginning of it (the rest was interrupted), is in the replies."""
    signature = line.caption[:_SIGNATURE_LENGTH]
    return any(
        signature in text or (len(text) >= _MIN_FRAGMENT_LENGTH and line.caption.startswith(text))
        for text in (each.strip(" …") for each in replies)
    )


class Customer:
    """Replies from the script. It has no state: see `engine.ports.Persona` for the arguments."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """The language to reply in; the module's docstring has the rule."""
        for text in reversed(user_texts):
            if _JAPANESE.search(text):
                return "ja"
            if _LATIN.search(text):
                return "en"
        if transcription_language:
            return "ja" if transcription_language.lower().startswith("ja") else "en"
        return "ja" if _JAPANESE.search(instructions) else "en"

    def answer(
        self, user_text: str | None, previous_replies: Sequence[str], language: Language
    ) -> Utterance:
        """The next reply. `user_text`: None for unrecognised speech, "" for silence."""
        state = _ScriptState(LINES[language], previous_replies, language)
        sentences = state.answer(user_text)
        caption = ("" if language == "ja" else " ").join(each.caption for each in sentences)
        return Utterance(caption, " ".join(each.reading for each in sentences), language)

    def title(self, user_text: str, language: Language) -> str:
        """A title for a conversation that begins with this text."""
        return titles.title_of(user_text, language)


@dataclass(frozen=True, slots=True)
class _ScriptState:
    """The script's `lines` by intent, and the progress in it according to the `replies` so far."""

    lines: dict[str, tuple[Sentence, ...]]
    replies: Sequence[str]
    language: Language

    def answer(self, user_text: str | None) -> list[Sentence]:
        if user_text is None:
            # A user whose voice is not recognised still hears the whole story.
            story = None if self._is_finished() else self._next_of_story()
            return [self._least_recent("unclear"), story or self.lines["unclear_end"][0]]
        if not _WORD.search(user_text):
            return [self._answer_silence()]
        intent = intent_of(user_text, self.language)
        if not self.replies and (intent in OPENINGS or intent in (None, "repeat")):
            return [self.lines["greeting"][0]]
        if intent == "repeat":
            return [self.lines["repeat"][0], *self._last_reply_lines()]
        line = self._follow_up(intent, user_text) or self._direct_answer(intent)
        if line is not None:
            return [line]
        if self._is_finished():
            return [self._least_recent("closing")]
        return self._continue_story(intent, user_text)

    def _answer_silence(self) -> Sentence:
        if not self.replies:
            return self.lines["greeting"][0]
        return self._least_recent("closing" if self._is_finished() else "silence")

    def _direct_answer(self, intent: str | None) -> Sentence | None:
        """The line that answers this intent; None if it has no lines or all of them were said."""
        if intent in PREMATURE and not self._has_told_problems():
            early = self._first_unsaid(PREMATURE[intent])
            if early is not None:
                return early
        if intent in COURTESIES:
            return self._least_recent(intent)
        return self._first_unsaid(intent) if intent in self.lines else None

    def _follow_up(self, intent: str | None, user_text: str) -> Sentence | None:
        """The line after the user's answer, if the last reply asked or proposed something."""
        last = self._last_intent()
        # A user text with a fact is an answer ("our team does that") unless it is a question.
        is_answer = (intent is None or intent in FACTS) and not is_question(
            user_text, self.language
        )
        is_confirmation = intent in ("yes", "acknowledgement") and last in CONFIRMABLE
        if last not in FOLLOW_UPS or not (is_answer or is_confirmation):
            return None
        return self._first_unsaid(FOLLOW_UPS[last])

    def _continue_story(self, intent: str | None, user_text: str) -> list[Sentence]:
        """The next piece of the story, after a line that leads to it."""
        if intent in CONTINUATION_PROMPTS:
            last = self._last_intent()
            more = self._first_unsaid(last) if last in FACTS else None
            return [more or self._next_of_story() or self._least_recent("again")]
        story = self._next_of_story()
        if story is None:
            return [self._least_recent("again")]
        if intent in FACTS:
            return [self._least_recent("told"), story]
        lead_in = "unknown" if is_question(user_text, self.language) else "aside"
        return [self._least_recent(lead_in), story]

    def _first_unsaid(self, intent: str) -> Sentence | None:
        return next((line for line in self.lines[intent] if not was_said(line, self.replies)), None)

    def _least_recent(self, intent: str) -> Sentence:
        """A line that was not said yet, or else the one said longest ago."""

        def last_said(line: Sentence) -> int:
            indexes = (index for index, text in enumerate(self.replies) if was_said(line, [text]))
            return max(indexes, default=-1)

        return min(self.lines[intent], key=last_said)

    def _next_of_story(self) -> Sentence | None:
        """The next unsaid piece: the first of each stage, then the second of each, and so on."""
        for depth in range(max(len(self.lines[stage]) for stage in STORY)):
            for stage in STORY:
                pieces = self.lines[stage]
                if depth < len(pieces) and not was_said(pieces[depth], self.replies):
                    return pieces[depth]
        return None

    def _has_told_problems(self) -> bool:
        stages = ("problem", "implication", "loss", "payoff")
        return any(was_said(line, self.replies) for stage in stages for line in self.lines[stage])

    def _is_finished(self) -> bool:
        """Whether the trial is agreed or goodbyes were said: no story is left to tell."""
        last_lines = (self.lines["trial"][-1], *self.lines["farewell"])
        return any(was_said(line, self.replies) for line in last_lines)

    def _last_intent(self) -> str:
        """The intent of the last line of the last reply; "" before the first reply."""
        found = _script_lines_in(self.replies[-1], self.lines) if self.replies else []
        return found[-1][0] if found else ""

    def _last_reply_lines(self) -> list[Sentence]:
        """The lines of the last reply without their lead-ins."""
        last = self.replies[-1]
        found = _script_lines_in(last, self.lines)
        return [line for intent, line in found if intent not in _LEAD_INS] or [Sentence(last, last)]


def _script_lines_in(
    text: str, lines: dict[str, tuple[Sentence, ...]]
) -> list[tuple[str, Sentence]]:
    """The script's lines that a reply consists of, in order, each with its intent."""
    found = [
        (text.find(line.caption[:_SIGNATURE_LENGTH]), intent, line)
        for intent, each in lines.items()
        for line in each
        if was_said(line, [text])
    ]
    # A reply interrupted within its first letters may match the beginning of several lines.
    whole = [each for each in found if each[0] >= 0] or found[:1]
    return [(intent, line) for _, intent, line in sorted(whole, key=lambda each: each[0])]
