"""PURE: the interface through which the engine gets the assistant's replies."""

from collections.abc import Sequence
from typing import Protocol

from backend.simulator.engine.effects import Language, Utterance


class Persona(Protocol):
    """Decides what the assistant says."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """The language to reply in.

        `user_texts`: the user's items, oldest first. `transcription_language` and `instructions`
        are the session's.
        """

    def answer(
        self, user_text: str | None, previous_replies: Sequence[str], language: Language
    ) -> Utterance:
        """The next reply.

        `user_text`: None for speech that was not recognised, "" if the user said nothing.
        `previous_replies`: the text of the assistant's items, oldest first.
        """

    def title(self, user_text: str, language: Language) -> str:
        """A title for a conversation that begins with this text of the user's."""
