"""Drafts and sessions of the demo data for its tests, and a persona that answers quickly."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from backend.demo_data.draft import Draft, SessionRows
from backend.demo_data.people import PEOPLE
from backend.demo_data.proportions import Decks
from backend.demo_data.session_rows import make_session
from backend.demo_data.talk import Persona
from backend.simulator.engine.effects import Utterance
from backend.wording import Language

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""A Wednesday."""
BY_LANGUAGE = {person.language: person for person in PEOPLE}


class Parrot:
    """Repeats what it is told. The simulator's customer takes a millisecond for each answer."""

    def answer(
        self, user_text: str | None, previous_replies: Sequence[str], language: Language
    ) -> Utterance:
        """An answer of its own number."""
        text = f"{len(previous_replies)}. You said: {user_text or 'nothing'} – is that right?"
        return Utterance(text, text, language)

    def title(self, user_text: str, language: Language) -> str:
        """The words in quotation marks."""
        return f"“{user_text[:30]}”"


PARROT: Persona = Parrot()


def new_draft(language: Language = "en", seed: int = 1) -> Draft:
    """The draft of an empty session."""
    dice = Random(seed)
    return Draft(BY_LANGUAGE[language], 7, NOW, Decks(dice), PARROT, dice)


def new_sessions(count: int, seed: int = 1) -> list[SessionRows]:
    """Sessions in both languages, not stored."""
    dice = Random(seed)
    decks, people = Decks(dice), list(BY_LANGUAGE.values())
    return [
        make_session(people[number % 2], 7, NOW, decks, PARROT, dice) for number in range(count)
    ]
