"""The customer."""

import pytest

from backend.simulator.effects import Language
from backend.simulator.lines import LINES
from backend.simulator.persona import SUGGESTIONS, Customer, intent_of, was_said

CUSTOMER = Customer()
LANGUAGES: tuple[Language, ...] = ("en", "ja")


def conversation(heard: list[str | None], language: Language) -> list[str]:
    said: list[str] = []
    for each in heard:
        said.append(CUSTOMER.answer(each, said, language).caption)
    return said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_suggested_conversation_is_answered_to_the_point(language: Language) -> None:
    answers = conversation(list(SUGGESTIONS[language]), language)
    wanted = [intent_of(text, language) for text in SUGGESTIONS[language]]
    for answer, intent in zip(answers, wanted, strict=True):
        assert intent is not None
        assert answer == LINES[language][intent][0].caption


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_does_not_repeat_itself_while_it_has_something_new(language: Language) -> None:
    heard = ["", *SUGGESTIONS[language], *SUGGESTIONS[language], *["xyz"] * 3]
    answers = conversation(list(heard), language)
    assert len(set(answers)) == len(answers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_is_not_understood_hears_an_apology_and_the_story_goes_on(
    language: Language,
) -> None:
    answers = conversation([None] * 10, language)
    sorry = [line.caption for line in LINES[language]["unclear"]]
    assert all(any(each in answer for each in sorry) for answer in answers)
    assert len(set(answers)) == len(answers)
    assert not answers[0].startswith(answers[1][:8])


def test_a_price_or_a_trial_comes_too_early_before_the_problems() -> None:
    first = CUSTOMER.answer("It costs four hundred dollars.", [], "en").caption
    assert first == LINES["en"]["price_early"][0].caption
    told = [LINES["en"]["problem"][0].caption]
    later = CUSTOMER.answer("It costs four hundred dollars.", told, "en").caption
    assert later == LINES["en"]["price"][0].caption


def test_it_repeats_when_asked_with_the_right_reading() -> None:
    said = [LINES["ja"]["team"][0].caption]
    line = CUSTOMER.answer("もう一度お願いします。", said, "ja")
    assert line.caption.endswith(said[0])
    assert line.reading.endswith(LINES["ja"]["team"][0].reading)


def test_a_line_that_was_cut_off_counts_as_said() -> None:
    line = LINES["en"]["greeting"][0]
    assert was_said(line, [line.caption[:30]])
    assert was_said(line, ["Hello, this…"])
    assert not was_said(line, ["Hello", ""][1:])


@pytest.mark.parametrize(
    ("texts", "transcription", "instructions", "language"),
    [
        ([], None, "You are helpful.", "en"),
        ([], None, "あなたは親切です。", "ja"),
        ([], "en", "あなたは親切です。", "en"),
        ([], "ja-JP", "You are helpful.", "ja"),
        (["Hello", "こんにちは"], "en", "", "ja"),
        (["こんにちは", "Hello"], "ja", "", "en"),
        (["こんにちは", "123"], None, "", "ja"),
    ],
)
def test_it_answers_in_the_language_of_the_person(
    texts: list[str], transcription: str | None, instructions: str, language: Language
) -> None:
    assert CUSTOMER.language(texts, transcription, instructions) == language
