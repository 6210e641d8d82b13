"""Beats."""

import pytest

from backend.simulator.engine.chunking import BEAT_MS, spoken, words_of, written


@pytest.mark.parametrize(
    "text",
    [
        "Hello, you there!",
        "こんにちは、Kaiwa です。 はい",
        " x ",
        "",
        "一二三四　五",
        "a\nb\u3000c ",
    ],
)
def test_the_pieces_join_to_the_text(text: str) -> None:
    assert "".join(words_of(text)) == text
    assert "".join(beat.text for beat in written(text)) == text
    assert "".join(beat.text for beat in spoken(text, bytes(48_000))) == text


def test_the_sound_is_whole_and_every_beat_but_the_last_is_as_long() -> None:
    pcm = bytes(range(256)) * 300
    beats = spoken("One two three four five.", pcm)
    assert b"".join(beat.pcm for beat in beats) == pcm
    assert {len(beat.pcm) for beat in beats[:-1]} == {BEAT_MS * 48}


def test_the_words_are_spread_over_the_sound() -> None:
    beats = spoken("one two three four five six seven eight", bytes(48 * 1_600))
    places = [place for place, beat in enumerate(beats) if beat.text]
    assert len(places) >= 7
    assert places == sorted(places) and places[-1] >= 7
