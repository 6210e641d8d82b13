"""The scripted customer."""

from collections.abc import Sequence

import pytest

from backend.simulator.engine.effects import Language
from backend.simulator.persona.customer import Customer, was_said
from backend.simulator.persona.intent_matching import intent_of
from backend.simulator.persona.script import LINES, PHRASES, STORY
from backend.wording import SUGGESTIONS

CUSTOMER = Customer()
LANGUAGES: tuple[Language, ...] = ("en", "ja")


def replies_to(user_texts: Sequence[str | None], language: Language) -> list[str]:
    replies: list[str] = []
    for each in user_texts:
        replies.append(CUSTOMER.answer(each, replies, language).caption)
    return replies


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_suggestion_of_the_page_gets_the_first_line_of_its_intent(language: Language) -> None:
    assert SUGGESTIONS[language] == [phrase.caption for phrase in PHRASES[language]]
    answers = replies_to(SUGGESTIONS[language], language)
    wanted = [intent_of(text, language) for text in SUGGESTIONS[language]]
    for answer, intent in zip(answers, wanted, strict=True):
        assert intent is not None
        assert answer == LINES[language][intent][0].caption


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_is_repeated_while_an_unsaid_one_is_left(language: Language) -> None:
    user_texts = ["", *SUGGESTIONS[language], *SUGGESTIONS[language], *["xyz"] * 3]
    answers = replies_to(user_texts, language)
    assert len(set(answers)) == len(answers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_unrecognised_speech_gets_an_apology_and_the_next_of_the_story(
    language: Language,
) -> None:
    answers = replies_to([None] * 10, language)
    apologies = [line.caption for line in LINES[language]["unclear"]]
    assert all(any(each in answer for each in apologies) for answer in answers)
    assert len(set(answers)) == len(answers)
    assert not answers[0].startswith(answers[1][:8])


def test_a_price_before_any_problem_is_premature() -> None:
    first = CUSTOMER.answer("It costs four hundred dollars.", [], "en").caption
    assert first == LINES["en"]["price_early"][0].caption
    replies = [LINES["en"]["problem"][0].caption]
    later = CUSTOMER.answer("It costs four hundred dollars.", replies, "en").caption
    assert later == LINES["en"]["price"][0].caption


@pytest.mark.parametrize(
    ("language", "pardon"), [("en", "Pardon?"), ("ja", "もう一度お願いします。")]
)
def test_it_repeats_its_last_line_as_often_as_it_is_asked(language: Language, pardon: str) -> None:
    team = LINES[language]["team"][0]
    prefix = LINES[language]["repeat"][0]
    gap = " " if language == "en" else ""
    replies = [team.caption]
    for _ in range(3):
        line = CUSTOMER.answer(pardon, replies, language)
        assert line.caption == prefix.caption + gap + team.caption
        assert line.reading == f"{prefix.reading} {team.reading}"
        replies.append(line.caption)


def test_a_repetition_leaves_out_the_apology_and_completes_an_interrupted_line() -> None:
    unclear = CUSTOMER.answer(None, [], "en").caption
    again = CUSTOMER.answer("Pardon?", [unclear], "en").caption
    assert again == "I said: " + LINES["en"]["situation"][0].caption
    cut = LINES["en"]["team"][0].caption[:20]
    assert CUSTOMER.answer("Pardon?", [cut], "en").caption == (
        "I said: " + LINES["en"]["team"][0].caption
    )
    assert (
        CUSTOMER.answer("Pardon?", ["Something else."], "en").caption == "I said: Something else."
    )
    assert len(CUSTOMER.answer("Pardon?", ["Good"], "en").caption) < 100


@pytest.mark.parametrize(
    ("language", "opening"),
    [
        ("en", "Hi!"),
        ("en", "Hey there"),
        ("en", "My name is Tom."),
        ("en", "Pardon?"),
        ("en", "asdf"),
        ("en", "?"),
        ("ja", "もしもし"),
        ("ja", "お話を伺ってもよろしいですか。"),
        ("ja", "あいうえお"),
    ],
)
def test_an_opening_gets_the_greeting(language: Language, opening: str) -> None:
    greeting = LINES[language]["greeting"][0].caption
    assert replies_to([opening], language) == [greeting]


@pytest.mark.parametrize(("language", "goodbye"), [("en", "Goodbye!"), ("ja", "失礼します。")])
def test_goodbyes_never_restart_the_story(language: Language, goodbye: str) -> None:
    user_texts = [SUGGESTIONS[language][1], *[goodbye] * 5, "xyz", None, "…", "ok"]
    answers = replies_to(user_texts, language)
    farewells = [line.caption for line in LINES[language]["farewell"]]
    assert answers[1:6] == [*farewells, *farewells[:2]]
    story = [line for stage in STORY for line in LINES[language][stage]]
    assert not any(was_said(line, answers[1:]) for line in story)


@pytest.mark.parametrize(
    ("language", "user_text", "answer"),
    [
        ("en", "I see.", ("loss", 1)),
        ("ja", "なるほど。", ("loss", 1)),
        ("en", "Tell me more.", ("loss", 1)),
    ],
)
def test_a_confirmation_continues_the_last_subject(
    language: Language, user_text: str, answer: tuple[str, int]
) -> None:
    replies = [LINES[language]["loss"][0].caption]
    group, index = answer
    assert (
        CUSTOMER.answer(user_text, replies, language).caption
        == LINES[language][group][index].caption
    )


@pytest.mark.parametrize(
    ("last_line", "user_text", "answer"),
    [
        (("product", 0), "It does, it listens to the calls.", ("product", 1)),
        (("product", 1), "Our team does that.", ("product", 2)),
        (("price", 0), "About thirty thousand.", ("savings", 0)),
        (("questions", 0), "Two weeks.", ("questions", 1)),
        (("trial", 0), "Great!", ("trial", 1)),
        (("trial", 0), "How many people will that be?", ("team", 0)),
        (("price", 0), "I see.", ("situation", 0)),
    ],
)
def test_an_answer_to_its_question_gets_the_follow_up(
    last_line: tuple[str, int], user_text: str, answer: tuple[str, int]
) -> None:
    (group, index), (next_group, next_index) = last_line, answer
    replies = [line.caption for line in LINES["en"][group][: index + 1]]
    reply = CUSTOMER.answer(user_text, [LINES["en"]["problem"][0].caption, *replies], "en").caption
    assert reply == LINES["en"][next_group][next_index].caption


@pytest.mark.parametrize(
    ("language", "user_text", "lead"),
    [
        ("en", "What is your favourite colour?", "unknown"),
        ("en", "The office is closed.", "aside"),
        ("en", "I like the design.", "aside"),
        ("ja", "好きな色は何ですか。", "unknown"),
        ("ja", "今日は雨です。", "aside"),
    ],
)
def test_a_text_without_a_line_gets_a_lead_in_and_the_story(
    language: Language, user_text: str, lead: str
) -> None:
    replies = [LINES[language]["greeting"][0].caption]
    answer = CUSTOMER.answer(user_text, replies, language).caption
    assert answer.startswith(LINES[language][lead][0].caption)
    assert answer.endswith(LINES[language]["situation"][0].caption)


def test_a_question_whose_lines_are_all_said_gets_told() -> None:
    replies = [line.caption for line in LINES["en"]["team"]]
    answer = CUSTOMER.answer("How many people are you?", replies, "en").caption
    assert answer.startswith(LINES["en"]["told"][0].caption)


@pytest.mark.parametrize(
    ("language", "user_text", "intent"),
    [
        ("en", "Tell me a joke", "joke"),
        ("en", "How is the weather today?", "weather"),
        ("en", "Do you have a hobby?", "leisure"),
        ("en", "Can you hear me?", "sound_check"),
        ("ja", "何か面白い話をしてください。", "joke"),
        ("ja", "そちらの天気はいいですか。", "weather"),
        ("ja", "ご趣味は何ですか。", "leisure"),
        ("ja", "聞こえますか。", "sound_check"),
    ],
)
@pytest.mark.parametrize("replies", [[], ["greeting"]])
def test_small_talk_is_answered_and_leads_back(
    language: Language, user_text: str, intent: str, replies: list[str]
) -> None:
    before = [LINES[language][each][0].caption for each in replies]
    answer = CUSTOMER.answer(user_text, before, language).caption
    assert answer == LINES[language][intent][0].caption


def test_when_the_story_is_over_it_asks_how_to_continue() -> None:
    replies = [line.caption for stage in STORY for line in LINES["en"][stage]]
    for user_text in ("asdf", "What is your favourite colour?", "I see.", "What is the problem?"):
        answer = CUSTOMER.answer(user_text, replies, "en").caption
        assert answer in [line.caption for line in LINES["en"]["again"]]


def test_after_the_trial_is_agreed_the_story_is_over() -> None:
    user_texts = ["Shall we start with a trial?"] * 4
    answers = replies_to(user_texts, "en")
    lines = LINES["en"]
    wanted = [*lines["trial_early"], *lines["trial"], lines["closing"][0]]
    assert answers == [line.caption for line in wanted]


def test_an_interrupted_line_counts_as_said() -> None:
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
def test_it_replies_in_the_language_of_the_user(
    texts: list[str], transcription: str | None, instructions: str, language: Language
) -> None:
    assert CUSTOMER.language(texts, transcription, instructions) == language
