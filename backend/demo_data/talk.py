"""PURE: a conversation of the demo data: questions at random, and the persona's answers."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol

from backend.demo_data.questions import OPENINGS, SPOKEN, WRITTEN
from backend.wording import Language

_REMEMBERED = 24
"""Answers that the persona is given: it reads all of them for each new one."""


class Answer(Protocol):
    """What the persona says: the simulator's `Utterance`."""

    @property
    def caption(self) -> str: ...


class Persona(Protocol):
    """Who answers, the simulator's `Customer`: the demo data know only what they need of it."""

    def answer(
        self, user_text: str | None, previous_replies: Sequence[str], language: Language
    ) -> Answer:
        """The next reply. `user_text`: None for speech that was not transcribed."""

    def title(self, user_text: str, language: Language) -> str:
        """A title for a conversation that begins with this text."""


class Exchange(NamedTuple):
    """What the user says, "" if it was not transcribed, and the answer."""

    question: str
    answer: str


class Talk:
    """One conversation. No question is repeated while an unasked one is left."""

    def __init__(self, persona: Persona, language: Language, dice: Random) -> None:
        self._persona = persona
        self._language = language
        self._dice = dice
        self._answers: list[str] = []
        self._spoken: list[str] = []
        self._written: list[str] = []

    def spoken(self, *, is_transcribed: bool = True) -> Exchange:
        """The next exchange by voice."""
        if not is_transcribed:
            return Exchange("", self._answer(None))
        question = self._next(self._spoken, SPOKEN[self._language])
        return Exchange(question, self._answer(question))

    def written(self) -> Exchange:
        """The next exchange by keyboard."""
        has_layout = self._dice.random() < 0.4
        question = (
            self._next(self._written, WRITTEN[self._language])
            if has_layout
            else self._next(self._spoken, SPOKEN[self._language])
        )
        return Exchange(question, self._answer(question))

    def _next(self, unasked: list[str], questions: Sequence[str]) -> str:
        if not self._answers:
            return self._dice.choice(OPENINGS[self._language])
        if not unasked:
            unasked += self._dice.sample(questions, len(questions))
        return unasked.pop()

    def _answer(self, question: str | None) -> str:
        previous = self._answers[-_REMEMBERED:]
        answer = self._persona.answer(question, previous, self._language).caption
        self._answers.append(answer)
        return answer
