"""Tokens."""

from backend.simulator.billing import (
    Tokens,
    cached,
    of_assistant_audio,
    of_text,
    of_user_audio,
    total,
    usage,
)


def test_sound_is_counted_by_its_length() -> None:
    assert of_user_audio(1_000) == Tokens(audio=10)
    assert of_assistant_audio(1_000) == Tokens(audio=20)
    assert of_user_audio(1) == Tokens(audio=1)


def test_japanese_letters_cost_a_token_each_and_latin_ones_a_quarter() -> None:
    assert of_text("こんにちは") == Tokens(text=5)
    assert of_text("Good morning") == Tokens(text=3)
    assert of_text("") == Tokens()


def test_only_whole_blocks_that_were_seen_are_cached() -> None:
    assert cached(Tokens(100, 200), Tokens(130, 63)) == Tokens(64, 0)
    assert cached(Tokens(), Tokens(500, 500)) == Tokens()


def test_the_sums_are_right() -> None:
    given = total([Tokens(10, 100), Tokens(5, 28)])
    made = usage(given, Tokens(0, 64), Tokens(3, 7))
    assert (made["input_tokens"], made["output_tokens"], made["total_tokens"]) == (143, 10, 153)
    assert made["input_token_details"]["cached_tokens"] == 64
