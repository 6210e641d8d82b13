"""Folded text: width, case and kana make no difference; excerpts show the text as it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conversations.folding import excerpt, folded, spellings


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("ﾊﾟﾝ", "ぱん"),
        ("パン", "ぱん"),
        ("ヴァイオリン", "ゔぁいおりん"),
        ("ケーキ", "けーき"),
        ("STRASSE", "straße"),
        ("ÉCLAIR", "e\u0301clair"),
        ("㍻", "平成"),
        ("会話", "会話"),
        ("", ""),
    ],
)
def test_spellings_of_one_word_are_equal(text: str, same: str) -> None:
    assert folded(text) == folded(same)


@pytest.mark.parametrize("pair", [("はし", "ばし"), ("会話", "会活"), ("a", "b"), ("つ", "っ")])
def test_other_words_stay_apart(pair: tuple[str, str]) -> None:
    assert folded(pair[0]) != folded(pair[1])


def test_ascii_is_folded_as_any_other_text() -> None:
    every = "".join(map(chr, range(128)))
    assert folded(every + "é") == folded(every) + "é"


def test_a_word_has_a_few_spellings() -> None:
    assert spellings("パン") == ["パン", "ぱん"]
    assert spellings("ﾊﾟﾝ") == ["ﾊﾟﾝ", "パン", "ぱん"]
    assert spellings("rye") == ["rye"]


def marked(text: str, *words: str, characters: int = 60) -> str:
    pieces = excerpt(text, [folded(word) for word in words], characters)
    return "".join(f"[{piece.text}]" if piece.is_match else piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("One loaf of rye, please.", ["RYE"], "One loaf of [rye], please."),
        ("One loaf of rye, please.", ["rye", "loaf"], "One [loaf] of [rye], please."),
        ("パンをください。", ["ぱん"], "[パン]をください。"),
        ("ﾊﾟﾝとﾄﾞｱ", ["パン", "ドア"], "[ﾊﾟﾝ]と[ﾄﾞｱ]"),
        ("rye rye", ["rye"], "[rye] [rye]"),
        ("banana", ["ana"], "b[ana]na"),
        ("banana", ["nan", "banan"], "[banan]a"),
        ("no such thing", ["rye"], ""),
        ("anything", [], ""),
        ("anything", [""], ""),
    ],
)
def test_an_excerpt_marks_each_match(text: str, words: list[str], shown: str) -> None:
    assert marked(text, *words) == shown


def test_a_long_text_is_cut_around_the_first_match() -> None:
    text = "a" * 500 + "rye" + "b" * 500
    shown = marked(text, "rye", characters=23)
    assert shown == "…" + "a" * 10 + "[rye]" + "b" * 10 + "…"
    assert marked("rye" + "b" * 500, "rye", characters=10) == "[rye]" + "b" * 7 + "…"
    assert marked("x" * 90, "x" * 80, characters=10) == "[" + "x" * 80 + "]…"


@given(st.text(max_size=40), st.text(max_size=3), st.integers(1, 30))
def test_an_excerpt_is_a_part_of_the_text(text: str, word: str, characters: int) -> None:
    pieces = excerpt(text, [folded(word)], characters)
    parts = [piece.text for piece in pieces if piece.text != "…"]
    assert "".join(parts) in text.replace("…", "") if "…" in text else "".join(parts) in text
    assert not pieces or any(piece.is_match for piece in pieces)
