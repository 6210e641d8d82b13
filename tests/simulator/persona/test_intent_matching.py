"""Intents of user texts."""

import pytest

from backend.simulator.engine.effects import Language
from backend.simulator.persona.intent_matching import MAX_LETTERS, intent_of, is_question
from backend.simulator.persona.script import KEYWORDS, LINES, PHRASES, WHOLE_UTTERANCES

LANGUAGES: tuple[Language, ...] = ("en", "ja")
WITHOUT_LINES = {"more", "acknowledgement"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_suggested_sentence_has_its_own_intent(language: Language) -> None:
    intents = [intent_of(phrase.caption, language) for phrase in PHRASES[language]]
    assert None not in intents
    assert len(set(intents)) == len(intents)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_keyword_is_unique_lower_case_and_has_lines(
    language: Language,
) -> None:
    for table in (*KEYWORDS[language], WHOLE_UTTERANCES[language]):
        assert table.keys() <= LINES[language].keys() | WITHOUT_LINES
        keywords = [each for keywords in table.values() for each in keywords.split(", ")]
        assert len(set(keywords)) == len(keywords)
        assert all(each and each == each.strip().lower() for each in keywords)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_have_the_same_intents(language: Language) -> None:
    english, japanese = (
        {intent for table in KEYWORDS[each] for intent in table} for each in LANGUAGES
    )
    assert english == japanese
    assert WHOLE_UTTERANCES["en"].keys() == WHOLE_UTTERANCES["ja"].keys()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Hi!", "greeting"),
        ("hey", "greeting"),
        ("HELLO", "greeting"),
        ("Hi, how do you take orders?", "situation"),
        ("The office is closed.", None),
        ("I like the design of your website.", None),
        ("The highway is full.", None),
        ("Do you lose customers?", "loss"),
        ("Can you sign this week?", "trial"),
        ("Who signs off?", "decision"),
        ("No problem.", "acknowledgement"),
        ("Is that a problem?", "problem"),
        ("We can meet on Friday.", "meeting"),
        ("We can do that.", "product"),
        ("How long does the trial run?", "trial"),
        ("How long does it take?", "time"),
        ("I’m sorry?", "repeat"),
        ("I'm sorry to hear that.", "sympathy"),
        ("Didn’t catch that.", "repeat"),
        ("Thanks, see you next week!", "farewell"),
        ("Shall we meet next week?", "meeting"),
        ("Yes.", "yes"),
        ("Yes, our system does.", "product"),
        ("", None),
    ],
)
def test_english_keywords_match_whole_words(text: str, intent: str | None) -> None:
    assert intent_of(text, "en") == intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("もしもし", "greeting"),
        ("もしもし？", "greeting"),
        ("もし入力がなければ？", "payoff"),
        ("お話を伺ってもよろしいですか。", "permission"),
        ("少しお話をお伺いしたいのですが。", "permission"),
        ("来週伺ってもよろしいですか。", "meeting"),
        ("明日お伺いします。", "meeting"),
        ("御社に伺えますか。", "meeting"),
        ("現状について伺えますか。", "situation"),
        ("電話も聞き取れます。", None),
        ("よく聞き取れませんでした。", "repeat"),
        ("大変ですね。", "sympathy"),
        ("大変なのは何ですか。", "problem"),
        ("問題ありません。", "acknowledgement"),
        ("ＡＩですか？", "robot"),
        ("はい。", "yes"),
        ("はい、弊社のシステムでできます。", "product"),
        ("", None),
    ],
)
def test_the_longest_japanese_keyword_wins(text: str, intent: str | None) -> None:
    assert intent_of(text, "ja") == intent


def test_only_the_end_of_a_long_text_is_searched() -> None:
    assert intent_of("Hello! " * 100_000 + "What is the problem?", "en") == "problem"
    assert intent_of("What is the problem? " + "x " * MAX_LETTERS, "en") is None
    assert not is_question("?" * 200_000 + "x", "en")


@pytest.mark.parametrize(
    ("text", "language", "is_one"),
    [
        ("What's the weather like?", "en", True),
        ("how is the weather", "en", True),
        ("However that may be.", "en", False),
        ("It is raining.", "en", False),
        ("Please tell me about your team.", "en", True),
        ("流れを教えてください。", "ja", True),
        ("今日は雨ですか。", "ja", True),
        ("雨でしょう？", "ja", True),
        ("今日は雨です。", "ja", False),
    ],
)
def test_a_question_is_distinguished_from_a_statement(
    text: str, language: Language, is_one: bool
) -> None:
    assert is_question(text, language) == is_one
