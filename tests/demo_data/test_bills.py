"""The bills of the demo data: a growing context, of which an earlier part may be cached."""

from random import Random

from backend.demo_data.bills import (
    INSTRUCTIONS_TOKENS,
    Context,
    text_tokens,
    transcription,
)
from backend.protocol.usage import AUDIO_IN_TOKENS_PER_S, AUDIO_OUT_TOKENS_PER_S


def test_each_response_is_billed_for_the_context_before_it() -> None:
    context = Context(Random(1))
    context.add_speech(2.0)
    first = context.spoken_answer("resp_1", 3.0, is_estimated=False)
    assert first.text_in == INSTRUCTIONS_TOKENS
    assert first.audio_in == 2 * AUDIO_IN_TOKENS_PER_S
    assert first.audio_out == 3 * AUDIO_OUT_TOKENS_PER_S
    assert first.text_in_cached == first.audio_in_cached == 0
    second = context.spoken_answer("resp_2", 1.0, is_estimated=False)
    assert second.audio_in == first.audio_in + first.audio_out
    assert second.text_in == first.text_in + first.text_out


def test_what_is_cached_is_a_part_of_what_an_earlier_response_had() -> None:
    context = Context(Random(1))
    bills = []
    for number in range(30):
        context.add_speech(2.0)
        context.add_text(5)
        bills.append(context.spoken_answer(f"resp_{number}", 3.0, is_estimated=False))
    for before, bill in zip(bills, bills[1:], strict=False):
        assert bill.audio_in_cached <= before.audio_in
        assert bill.text_in_cached <= before.text_in
    assert len({bill.audio_in_cached > 0 for bill in bills[1:]}) == 2


def test_an_estimate_knows_nothing_of_the_cache() -> None:
    context = Context(Random(1))
    context.spoken_answer("resp_1", 3.0, is_estimated=False)
    estimate = context.spoken_answer("resp_2", 3.0, is_estimated=True)
    assert estimate.is_estimated
    assert estimate.text_in_cached == 0


def test_a_written_answer_has_text_only() -> None:
    bill = Context(Random(1)).written_answer("resp_1", 50)
    assert (bill.text_in, bill.text_out) == (INSTRUCTIONS_TOKENS, 50)
    assert bill.audio_in == bill.audio_out == 0


def test_a_transcription_is_in_seconds_or_in_tokens() -> None:
    assert transcription("item_1", 2.5, is_by_tokens=False).seconds == 2.5
    by_tokens = transcription("item_1", 2.5, is_by_tokens=True)
    assert (by_tokens.seconds, by_tokens.audio_in) == (0.0, 25)


def test_japanese_has_more_tokens_for_each_character() -> None:
    assert text_tokens("あ" * 42, "ja") > text_tokens("a" * 42, "en")
