"""How much of a text was heard, and where a text may be cut."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.transcript.heard import (
    TextTiming,
    cut_to_whole_word,
    has_words,
    heard_text,
    is_space,
)
from tests.graphemes import CASES, Case


def _timing(*came: tuple[str, float]) -> TextTiming:
    """Text and audio in order: `("Hello ", 100)` is a text, then 100 ms of audio."""
    timing = TextTiming()
    for words, ms in came:
        if words:
            timing.add_text(len(words))
        if ms:
            timing.audio_ms += ms
    return timing


@pytest.mark.parametrize(
    ("heard_ms", "share"),
    [(-5, 0.0), (0, 0.0), (50, 0.1), (100, 0.2), (150, 0.6), (200, 1.0), (999, 1.0)],
)
def test_text_sounds_from_where_it_came_to_where_the_next_text_came(
    heard_ms: float, share: float
) -> None:
    timing = _timing(("ab", 100), ("cdefghij", 100))
    assert timing.text_share(heard_ms) == pytest.approx(share)


def test_text_before_any_audio_shares_all_of_it() -> None:
    timing = _timing(("abcd", 0), ("ef", 0), ("gh", 200))
    assert timing.text_share(50) == pytest.approx(0.25)
    assert timing.text_share(100) == pytest.approx(0.5)


def test_text_after_all_audio_shares_all_of_it() -> None:
    assert _timing(("", 200), ("abcd", 0)).text_share(50) == pytest.approx(0.25)


def test_several_deltas_at_one_position_share_their_span() -> None:
    timing = _timing(("ab", 100), ("cd", 0), ("ef", 100), ("gh", 100))
    assert timing.text_share(100) == pytest.approx(2 / 8)
    assert timing.text_share(150) == pytest.approx(4 / 8)
    assert timing.text_share(200) == pytest.approx(6 / 8)


def test_a_text_without_deltas_sounds_evenly() -> None:
    assert _timing(("", 400)).text_share(100) == pytest.approx(0.25)


def test_without_known_audio_all_of_the_text_counts_as_heard() -> None:
    assert _timing(("abc", 0)).text_share(1) == 1.0
    assert _timing(("abc", 0)).text_share(0) == 0.0
    assert TextTiming().text_share(1) == 1.0


@given(
    st.lists(st.tuples(st.text(max_size=4), st.integers(0, 50)), max_size=8),
    st.floats(0, 500),
    st.floats(0, 500),
)
def test_more_time_never_means_a_smaller_share(
    came: list[tuple[str, int]], one: float, other: float
) -> None:
    timing = _timing(*came)
    shorter, longer = sorted((one, other))
    assert 0 <= timing.text_share(shorter) <= timing.text_share(longer) + 1e-9 <= 1 + 2e-9


@pytest.mark.parametrize("heard_ms", range(0, 901, 100))
def test_a_cut_between_words_is_exact(heard_ms: int) -> None:
    words = [f"word{n} " for n in range(9)]
    timing = _timing(*((word, 100) for word in words))
    text = "".join(words)
    expected = "".join(words[: heard_ms // 100])
    assert heard_text(text, timing, heard_ms) == (expected if heard_ms == 900 else expected[:-1])


def test_a_longer_complete_text_is_cut_at_the_same_share() -> None:
    timing = _timing(("one two ", 100), ("three four", 100))
    assert heard_text("one two, three, and four!", timing, 100) == "one two,"


@pytest.mark.parametrize(
    ("text", "chars", "cut"),
    [
        ("Hello world", 0, ""),
        ("Hello world", 1, ""),
        ("Hello world", 4, ""),
        ("Hello world", 5, "Hello"),
        ("Hello world", 6, "Hello"),
        ("Hello world", 8, "Hello"),
        ("Hello world", 11, "Hello world"),
        ("Hello world", 99, "Hello world"),
        ("Hello, world", 5, "Hello"),
        ("Hello, world", 6, "Hello,"),
        ("Well... yes", 6, "Well.."),
        ("I don't know", 5, "I"),
        ("I don't know", 6, "I"),
        ("a well-known man", 6, "a"),
        ("It is 3.5 euros", 7, "It is"),
        ("one  two", 5, "one"),
        ("one\ntwo", 5, "one"),
        ("Müller kam", 3, ""),
        ("Привет мир", 8, "Привет"),
        ("안녕 하세요", 4, "안녕"),
    ],
)
def test_spaced_scripts_are_cut_between_words(text: str, chars: int, cut: str) -> None:
    assert cut_to_whole_word(text, chars) == cut


@pytest.mark.parametrize(
    ("text", "chars", "cut"),
    [
        ("今日は晴れです", 3, "今日は"),
        ("今日は晴れです", 1, "今"),
        ("はい、今日は晴れ", 2, "はい"),
        ("はい、今日は晴れ", 3, "はい、"),
        ("はい、今日は晴れ", 4, "はい、"),
        ("はい、今日は晴れ", 5, "はい、"),
        ("はい、今日は晴れ", 6, "はい、今日は"),
        ("そう。では", 4, "そう。"),
        ("本当?はい", 4, "本当?は"),
        ("本当？はい", 4, "本当？"),
        ("、。", 1, "、"),
        ("ｶﾞﾝﾊﾞﾙ", 3, "ｶﾞﾝ"),
        ("が\u3099ん", 1, ""),
        ("か\u3099ん", 1, ""),
        ("あか\u3099ん", 2, "あ"),
        ("東京 大阪", 3, "東京"),
        ("東京\u3000大阪", 3, "東京"),
        ("GPTは賢い", 2, ""),
        ("GPTは賢い", 3, "GPT"),
        ("私のMacBookです", 4, "私の"),
        ("สวัสดีครับ", 6, "สวัสดี"),
        ("สวัสดีครับ", 4, "สวัส"),
        ("สวัสดีครับ", 2, "ส"),
    ],
)
def test_scripts_without_spaces_are_cut_between_characters(text: str, chars: int, cut: str) -> None:
    assert cut_to_whole_word(text, chars) == cut


@pytest.mark.parametrize(
    ("text", "chars", "cut"),
    [
        ("👍👍👍", 2, "👍👍"),
        ("ok 👍🏽 yes", 4, "ok"),
        ("👩\u200d👩\u200d👧 hi", 1, ""),
        ("👩\u200d👩\u200d👧 hi", 3, ""),
        ("❤\ufe0f yes", 1, ""),
        ("e\u0301te\u0301 fini", 3, ""),
        ("yes aaaa\u200d", 8, "yes"),
    ],
)
def test_what_displays_as_one_character_is_not_divided(text: str, chars: int, cut: str) -> None:
    assert cut_to_whole_word(text, chars) == cut


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_was_heard_has_whole_characters_as_on_the_page(case: Case) -> None:
    for chars, whole in enumerate(case.heard):
        assert cut_to_whole_word(case.text, chars) == "".join(case.characters[:whole])


_TEXT = st.text(
    st.sampled_from("ab ,.'-、。か\u3099日本ー\u3000👍🏽🇯🇵ｸ\uff9e\u200d\r\n"), max_size=20
)


@given(_TEXT, st.integers(0, 25))
def test_a_cut_is_a_prefix_and_not_longer_than_asked(text: str, chars: int) -> None:
    cut = cut_to_whole_word(text, chars)
    assert text.startswith(cut)
    assert len(cut) <= chars
    assert cut == text or not (cut and is_space(cut[-1]))


@given(_TEXT, st.integers(0, 25))
def test_a_longer_cut_is_never_shorter(text: str, chars: int) -> None:
    assert len(cut_to_whole_word(text, chars)) <= len(cut_to_whole_word(text, chars + 1))


@given(_TEXT, st.integers(0, 25))
def test_a_cut_in_a_spaced_script_ends_at_the_end_of_a_word(text: str, chars: int) -> None:
    cut = cut_to_whole_word(text, chars)
    before, after = cut[-1:], text[len(cut) : len(cut) + 1]
    assert not (before in ("a", "b") and after in ("a", "b"))


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n\v\f", "\u3000\u00a0\u2028"])
def test_white_space_has_no_words(blank: str) -> None:
    assert not has_words(blank)


@pytest.mark.parametrize("words", ["a", ".", " あ", "…", "\u200b", "0"])
def test_any_other_character_is_a_word(words: str) -> None:
    assert has_words(words)


def test_every_character_that_is_white_space_is_no_word() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    assert [each for each in characters if has_words(each) is is_space(each)] == []
