"""Tokens."""

from backend.simulator.engine.token_usage import (
    MOST_OUTPUT_TOKENS,
    Meter,
    Tokens,
    cached,
    of_assistant_audio,
    of_text,
    of_user_audio,
    total,
    usage,
)
from tests.simulator.equipment import Bench, silence, speech


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


def test_what_was_read_before_is_cached_unless_it_was_read_beside_the_conversation() -> None:
    meter = Meter(40_000)
    assert meter.read(Tokens(text=200), is_in_conversation=False) == Tokens()
    assert meter.read(Tokens(text=200), is_in_conversation=True) == Tokens()
    assert meter.read(Tokens(text=300), is_in_conversation=True) == Tokens(text=192)


def test_the_rate_limits_reserve_the_output_to_come() -> None:
    meter = Meter(40_000)
    meter.read(Tokens(text=1_000), is_in_conversation=True)
    (limited,) = meter.rate_limits(500)
    assert limited == {
        "name": "tokens",
        "limit": 40_000,
        "remaining": 38_500,
        "reset_seconds": 2.25,
    }
    (unlimited,) = meter.rate_limits("inf")
    assert unlimited["remaining"] == 39_000 - MOST_OUTPUT_TOKENS
    assert Meter(100).rate_limits("inf")[0]["remaining"] == 0


def test_each_response_bills_the_conversation_again_with_its_known_part_cached() -> None:
    bench = Bench()
    turn = speech(6_400) + silence(800)
    bench.play(turn)
    bench.play(turn)
    first, second = [
        each["response"]["usage"] for each in bench.events if each["type"] == "response.done"
    ]
    assert first["input_token_details"]["cached_tokens"] == 0
    assert 64 <= first["input_token_details"]["audio_tokens"] <= 72
    assert first["output_token_details"]["audio_tokens"] == 20
    grown = second["input_token_details"]["audio_tokens"]
    assert grown >= first["input_token_details"]["audio_tokens"] * 2 + 20 - 3
    assert second["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 64
    for bill in (first, second):
        assert bill["total_tokens"] == bill["input_tokens"] + bill["output_tokens"]
        details = bill["input_token_details"]
        assert details["text_tokens"] + details["audio_tokens"] == bill["input_tokens"]
