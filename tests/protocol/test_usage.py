"""Usage from complete, incomplete and malformed events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.usage import TextUsage, Usage, text_usage_of, transcription_usage, usage_of
from tests.tapes import tape

# The example of the provider's guide to costs.
VOICE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 7,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 5, "image_tokens": 3},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def _done(usage: Any, response_id: Any = "resp_1") -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response_id, "usage": usage}}


def _transcribed(usage: Any, item_id: Any = "item_1") -> dict[str, Any]:
    kind = "conversation.item.input_audio_transcription.completed"
    return {"type": kind, "item_id": item_id, "usage": usage}


def test_a_response_is_counted_by_modality() -> None:
    assert usage_of(_done(VOICE)) == Usage(
        "resp_1",
        "response",
        text_in=119,
        text_in_cached=64,
        audio_in=13,
        audio_in_cached=5,
        image_in=7,
        image_in_cached=3,
        text_out=30,
        audio_out=91,
    )


@pytest.mark.parametrize(
    ("output", "item_id"),
    [
        (None, ""),
        ([], ""),
        ([{"type": "function_call", "id": "item_F"}], ""),
        ([{"type": "message"}], ""),
        ([{"type": "message", "id": 7}], ""),
        ([{"type": "message", "id": "item_A"}, {"type": "function_call", "id": "f"}], "item_A"),
        ([{"type": "message", "id": "item_A"}, {"type": "message", "id": "item_B"}], "item_B"),
    ],
)
def test_a_response_is_counted_for_the_message_that_it_made(output: Any, item_id: str) -> None:
    event = _done(VOICE)
    event["response"]["output"] = output
    used = usage_of(event)
    assert used is not None and used.item_id == item_id


def test_a_transcription_by_the_second_is_counted_in_seconds() -> None:
    usage = usage_of(_transcribed({"type": "duration", "seconds": 2.5}))
    assert usage == Usage("item_1", "transcription", seconds=2.5)


def test_a_transcription_by_tokens_is_counted_in_tokens() -> None:
    usage = usage_of(
        _transcribed(
            {
                "type": "tokens",
                "total_tokens": 22,
                "input_tokens": 17,
                "output_tokens": 5,
                "input_token_details": {"text_tokens": 3, "audio_tokens": 14},
            }
        )
    )
    assert usage == Usage("item_1", "transcription", text_in=3, audio_in=14, text_out=5)


def test_totals_without_details_are_text() -> None:
    usage = usage_of(_done({"input_tokens": 7, "output_tokens": 5}))
    assert usage == Usage("resp_1", "response", text_in=7, text_out=5)


@pytest.mark.parametrize("usage", [None, {}, [], "much", 5])
def test_an_empty_usage_is_none(usage: Any) -> None:
    assert usage_of(_done(usage)) is None
    assert usage_of(_transcribed(usage)) is None


def test_a_missing_usage_is_none() -> None:
    assert usage_of({"type": "response.done", "response": {"id": "resp_1"}}) is None
    assert usage_of({"type": "response.done"}) is None
    assert usage_of({"type": "response.done", "response": None}) is None


@pytest.mark.parametrize("source_id", [None, "", 5])
def test_usage_without_an_id_is_not_counted(source_id: Any) -> None:
    assert usage_of(_done(VOICE, source_id)) is None
    assert usage_of(_transcribed(VOICE, source_id)) is None


@pytest.mark.parametrize(
    "event_type", ["response.created", "response.output_item.done", None, ["x"]]
)
def test_other_events_have_no_usage(event_type: Any) -> None:
    assert usage_of({**_done(VOICE), "type": event_type}) is None


def test_missing_and_null_details_are_zero() -> None:
    usage = usage_of(
        _done(
            {
                "input_token_details": {"audio_tokens": 4, "text_tokens": None},
                "output_token_details": {"audio_tokens": 9},
            }
        )
    )
    assert usage == Usage("resp_1", "response", audio_in=4, audio_out=9)


@pytest.mark.parametrize("count", [-1, "5", 2.5, True, [5]])
def test_an_invalid_count_is_zero(count: Any) -> None:
    assert usage_of(_done({"input_token_details": {"audio_tokens": count}})) == Usage(
        "resp_1", "response"
    )


def test_an_absurd_count_is_capped() -> None:
    usage = usage_of(_done({"input_token_details": {"audio_tokens": 2**62}}))
    assert usage == Usage("resp_1", "response", audio_in=2**31 - 1)


@pytest.mark.parametrize("seconds", [None, -1, "2", True, float("inf"), float("nan")])
def test_an_invalid_duration_is_zero(seconds: Any) -> None:
    assert usage_of(_transcribed({"type": "duration", "seconds": seconds})) == Usage(
        "item_1", "transcription"
    )


def test_cached_tokens_are_capped_at_the_input() -> None:
    usage = usage_of(
        _done(
            {
                "input_token_details": {
                    "text_tokens": 5,
                    "cached_tokens_details": {
                        "text_tokens": 9,
                        "audio_tokens": 9,
                        "image_tokens": 9,
                    },
                }
            }
        )
    )
    assert usage == Usage("resp_1", "response", text_in=5, text_in_cached=5)


def test_every_usage_on_a_tape_is_found() -> None:
    found = [usage_of(line.event) for line in tape("plain_voice_exchange")]
    assert [usage.source_id for usage in found if usage] == [
        "item_U1",
        "resp_1",
        "item_U2",
        "resp_2",
    ]


_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "seconds", "input_token_details", "cached_tokens_details", "text_tokens"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(_ANYTHING)
def test_no_malformed_usage_raises_or_is_negative(usage: Any) -> None:
    counted = usage_of(_done(usage))
    if counted:
        assert counted.text_in >= counted.text_in_cached >= 0
        assert counted.seconds >= 0


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "output_tokens": 7,
            },
            {"text_in": 100, "text_in_cached": 60, "text_in_written": 30, "text_out": 7},
        ),
        (
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 9},
            },
            {"text_in": 10, "text_in_cached": 8, "text_in_written": 2},
        ),
        ({"input_tokens": "many", "output_tokens": -1}, {}),
    ],
)
def test_an_answer_of_the_responses_api_is_counted(
    given: dict[str, Any], counts: dict[str, Any]
) -> None:
    expected = TextUsage("resp_1", "response", **counts)
    assert text_usage_of({"id": "resp_1", "usage": given}) == expected


@pytest.mark.parametrize(
    "response", [{}, {"id": "resp_1"}, {"id": 1, "usage": {"input_tokens": 1}}]
)
def test_an_answer_without_usage_or_id_is_not_counted(response: dict[str, Any]) -> None:
    assert text_usage_of(response) is None


def test_a_transcription_over_rest_is_counted_like_one_in_a_call() -> None:
    by_duration = transcription_usage("clip_1", {"type": "duration", "seconds": 2.5})
    assert by_duration == Usage("clip_1", "transcription", seconds=2.5)
    by_tokens = {"type": "tokens", "input_token_details": {"audio_tokens": 14}, "output_tokens": 5}
    counted = transcription_usage("clip_1", by_tokens)
    assert counted == Usage("clip_1", "transcription", audio_in=14, text_out=5)
    assert transcription_usage("clip_1", {}) is None
