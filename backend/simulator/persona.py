"""PURE: the scripted customer."""

from collections.abc import Sequence

from backend.simulator.effects import Language
from backend.simulator.engine import Line


class Customer:
    """Answers."""

    def language(
        self, user_texts: Sequence[str], transcription_language: str | None, instructions: str
    ) -> Language:
        """The language to answer in."""
        return "en"

    def answer(self, heard: str | None, said: Sequence[str], language: Language) -> Line:
        """The next line."""
        text = f"Hello, this is line {len(said) + 1}. Tell me more about your offer, please."
        return Line(text, text, language)
