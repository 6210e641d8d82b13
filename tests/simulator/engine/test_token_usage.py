"""Token counts, usage and rate limits."""

from backend.simulator.engine.token_usage import (
    MAX_OUTPUT_TOKENS,
    TokenMeter,
    Tokens,
    assistant_audio_tokens,
    cached_tokens,
    response_usage,
    sum_tokens,
    text_tokens,
    user_audio_tokens,
)
from tests.simulator.equipment import EngineBench, silence, speech


def test_audio_tokens_follow_the_duration() -> None:
    assert user_audio_tokens(1_000) == Tokens(audio=10)
    assert assistant_audio_tokens(1_000) == Tokens(audio=20)
    assert user_audio_tokens(1) == Tokens(audio=1)


def test_japanese_letters_cost_a_token_each_and_latin_ones_a_quarter() -> None:
    assert text_tokens("こんにちは") == Tokens(text=5)
    assert text_tokens("Good morning") == Tokens(text=3)
    assert text_tokens("") == Tokens()


def test_only_whole_blocks_of_the_previous_input_are_cached() -> None:
    assert cached_tokens(Tokens(100, 200), Tokens(130, 63)) == Tokens(64, 0)
    assert cached_tokens(Tokens(), Tokens(500, 500)) == Tokens()


def test_the_totals_of_usage_are_sums() -> None:
    given = sum_tokens([Tokens(10, 100), Tokens(5, 28)])
    made = response_usage(given, Tokens(0, 64), Tokens(3, 7))
    assert (made["input_tokens"], made["output_tokens"], made["total_tokens"]) == (143, 10, 153)
    assert made["input_token_details"]["cached_tokens"] == 64


def test_input_is_cached_unless_it_was_read_by_an_out_of_band_response() -> None:
    meter = TokenMeter(40_000)
    assert meter.count_input(Tokens(text=200), is_in_conversation=False) == Tokens()
    assert meter.count_input(Tokens(text=200), is_in_conversation=True) == Tokens()
    assert meter.count_input(Tokens(text=300), is_in_conversation=True) == Tokens(text=192)


def test_the_rate_limits_reserve_the_output_to_come() -> None:
    meter = TokenMeter(40_000)
    meter.count_input(Tokens(text=1_000), is_in_conversation=True)
    (limited,) = meter.rate_limits(500)
    assert limited == {
        "name": "tokens",
        "limit": 40_000,
        "remaining": 38_500,
        "reset_seconds": 2.25,
    }
    (unlimited,) = meter.rate_limits("inf")
    assert unlimited["remaining"] == 39_000 - MAX_OUTPUT_TOKENS
    assert TokenMeter(100).rate_limits("inf")[0]["remaining"] == 0


def test_each_response_counts_the_conversation_again_with_the_old_part_cached() -> None:
    bench = EngineBench()
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
