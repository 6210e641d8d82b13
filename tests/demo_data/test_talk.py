"""The conversations of the demo data."""

from random import Random

import pytest

from backend.demo_data.questions import OPENINGS, SPOKEN, WRITTEN
from backend.demo_data.talk import Talk
from backend.simulator.persona.customer import Customer
from backend.wording import Language

LANGUAGES: tuple[Language, ...] = ("en", "ja")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_talk_has_an_opening_and_repeats_no_question_while_one_is_left(
    language: Language,
) -> None:
    talk = Talk(Customer(), language, Random(1))
    questions = [talk.spoken().question for _ in range(len(SPOKEN[language]) + 1)]
    assert questions[0] in OPENINGS[language]
    assert sorted(questions[1:]) == sorted(SPOKEN[language])


def test_the_persona_answers_in_the_language_and_remembers_its_answers() -> None:
    talk = Talk(Customer(), "ja", Random(1))
    answers = [talk.spoken().answer for _ in range(12)]
    assert all(answers)
    assert len(set(answers)) > 9


def test_speech_without_a_transcript_is_answered_too() -> None:
    exchange = Talk(Customer(), "en", Random(1)).spoken(is_transcribed=False)
    assert exchange.question == ""
    assert exchange.answer


def test_written_messages_have_layouts_of_their_own() -> None:
    talk = Talk(Customer(), "en", Random(1))
    questions = {talk.written().question for _ in range(20)}
    assert questions & set(WRITTEN["en"])
    assert questions & set(SPOKEN["en"])
