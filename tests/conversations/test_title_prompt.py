"""The request for a title, and the title in an answer."""

import json

import pytest

from backend.conversations.title_prompt import (
    INSTRUCTIONS,
    MAX_EXCERPT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    title_in,
    title_request,
)
from backend.simulator.engine.text_response import TextResponse, parse_request
from backend.simulator.persona.customer import Customer
from backend.wording import Language
from tests.graphemes import CASES


def test_the_request_has_the_exchange_and_is_not_stored() -> None:
    request = title_request("m", "en", "Do you have\nbread?", " Yes. ", "abc")
    assert request["input"] == "User: Do you have bread?\nAssistant: Yes."
    assert request["instructions"] == INSTRUCTIONS["en"]
    assert (request["model"], request["store"], request["safety_identifier"]) == ("m", False, "abc")
    assert title_request("m", "ja", "q", "a", "abc")["instructions"] == INSTRUCTIONS["ja"]


@pytest.mark.parametrize("text", ["x" * 100_000, "あ " * 50_000, "\n" * 100_000])
def test_the_request_is_bounded(text: str) -> None:
    request = title_request("m", "ja", text, text, "abc")
    assert len(request["input"]) <= 2 * MAX_EXCERPT_CHARACTERS + 50
    assert len(json.dumps(request)) < 20_000


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Bread for the weekend", "Bread for the weekend"),
        ('"Bread for the weekend."', "Bread for the weekend"),
        ("“Bread”", "Bread"),
        ("「週末のパン」", "週末のパン"),
        ("題名：『週末のパン』。", "週末のパン"),
        ("Title: Bread\n\nThis title is short.", "Bread"),
        ("\n\n  ## **Bread** \n", "Bread"),
        ("Bread\tand   cheese", "Bread and cheese"),
        ("What's new?", "What's new?"),
        ("👩\u200d👩\u200d👧 at the sea", "👩\u200d👩\u200d👧 at the sea"),
        ("\u200d\n\u200dBread", "Bread"),
        ("Bread\u202e\x00\x1b[31m", "Bread [31m"),
        ("", ""),
        (' \n "" \n…', "…"),
        ("***\n", ""),
    ],
)
def test_the_title_is_the_bare_first_line(answer: str, title: str) -> None:
    assert title_in(answer) == title


@pytest.mark.parametrize("answer", ["word " * 100, "あ" * 500])
def test_a_title_is_never_long(answer: str) -> None:
    title = title_in(answer)
    assert 50 < len(title) <= MAX_TITLE_CHARACTERS
    assert title.endswith("…")


def test_a_title_and_an_excerpt_have_whole_characters() -> None:
    for case in CASES:
        if case.text.isprintable() or "\u200d" in case.text:
            title = title_in("x" * (MAX_TITLE_CHARACTERS - len(case.text)) + case.text + "…" * 9)
            assert title.lstrip("x").removesuffix("…") in case.beginnings
    excerpt = title_request("m", "en", "🇯🇵" * 1_000, "x" + "🇯🇵" * 1_000, "abc")["input"]
    assert excerpt == f"User: {'🇯🇵' * 500}\nAssistant: x{'🇯🇵' * 499}"


@pytest.mark.parametrize(
    ("language", "question", "title"),
    [
        ("en", "How do you handle your orders at the moment?", "How orders come in"),
        ("ja", "今はどのように注文を受けていますか。", "注文の受け方"),
        (
            "en",
            "Xylophones on the moon, please, and quickly too",
            "Xylophones on the moon, please, and",
        ),
    ],
)
def test_the_simulator_answers_with_a_title(language: Language, question: str, title: str) -> None:
    request = title_request("gpt-5.6-luna", language, question, "By telephone.", "abc")
    response = TextResponse(parse_request(request), Customer(), lambda prefix: prefix, 0.0)
    assert title_in(response.text) == title
