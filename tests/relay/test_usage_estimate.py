"""The meter of a connection: what a response or a transcription costs whose usage did not come."""

import json
from typing import Any

import pytest

from backend.protocol.usage import TextUsage, Usage
from backend.relay.usage_estimate import UsageMeter, estimated_text_usage
from tests.relay.equipment import (
    frame,
    item_event,
    response_created,
    response_done,
    words,
)

TEN_TOKENS = "a" * 40


class Meter(UsageMeter):
    """A meter that is fed frames."""

    def feed(self, *texts: str, at_s: float = 0.0) -> "Meter":
        for text in texts:
            self.add(json.loads(text), at_s)
        return self


def usage(**counts: Any) -> dict[str, Any]:
    return {
        "input_token_details": {
            "text_tokens": counts.get("text_in", 0),
            "audio_tokens": counts.get("audio_in", 0),
        },
        "output_token_details": {
            "text_tokens": counts.get("text_out", 0),
            "audio_tokens": counts.get("audio_out", 0),
        },
    }


def spoken(item_id: str, start_ms: int, end_ms: int) -> tuple[str, str, str]:
    """Speech that the provider's voice activity detection committed."""
    began = {"type": "input_audio_buffer.speech_started", "audio_start_ms": start_ms}
    ended = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end_ms}
    return (
        frame(**began, item_id=item_id),
        frame(**ended, item_id=item_id),
        frame(type="input_audio_buffer.committed", item_id=item_id),
    )


def transcribed(item_id: str, **more: Any) -> str:
    kind = "conversation.item.input_audio_transcription.completed"
    return frame(type=kind, item_id=item_id, content_index=0, transcript="Yes.", **more)


def response_guess(response_id: str = "resp_1", **counts: Any) -> Usage:
    return Usage(response_id, "response", is_estimated=True, **counts)


def test_what_was_produced_and_read_is_estimated() -> None:
    meter = Meter(context_tokens=100).feed(*spoken("item_u", 1_000, 3_450), response_created())
    meter.feed(words("item_a", TEN_TOKENS), words("item_a", TEN_TOKENS))
    meter.add_audio("resp_1", 1_010, 1)
    guess = response_guess(text_in=100, audio_in=25, text_out=20, audio_out=21)
    heard = Usage("item_u", "transcription", seconds=2.45, is_estimated=True)
    rest = meter.rest()
    assert rest == [guess, heard] and rest[0].item_id == "item_a"
    # Once only.
    assert meter.rest() == []
    meter.add_audio(None, 1_000, 1)
    assert [each.audio_out for each in meter.rest()] == [41]


def test_a_response_with_its_usage_is_not_estimated() -> None:
    meter = Meter(9).feed(response_created(), words("item_a", "Yes."))
    meter.feed(response_done(usage=usage(text_in=9)), response_done(usage=usage(text_in=9)))
    assert meter.rest() == []


def test_the_next_response_reads_what_the_last_usage_says_and_what_was_said_since() -> None:
    meter = Meter(9).feed(response_created())
    first = usage(text_in=1_000, audio_in=100, text_out=30, audio_out=200)
    meter.feed(response_done(usage=first))
    text = [{"type": "input_text", "text": TEN_TOKENS}]
    meter.feed(*[item_event(kind, "item_t", content=text) for kind in ("added", "done")])
    meter.feed(*spoken("item_u", 0, 1_000), transcribed("item_u", usage=usage(audio_in=10)))
    meter.feed(response_created("resp_2"))
    counts = {"text_in": 1_044, "text_in_cached": 1_000, "audio_in": 310, "audio_in_cached": 100}
    assert meter.rest() == [response_guess("resp_2", **counts)]


def test_a_short_input_is_not_cached() -> None:
    meter = Meter().feed(response_created(), response_done(usage=usage(text_in=1_023)))
    meter.feed(response_created("resp_2"))
    assert meter.rest() == [response_guess("resp_2", text_in=1_023)]


def test_a_response_outside_the_conversation_is_estimated_and_adds_nothing_to_it() -> None:
    beside = {"id": "resp_o", "conversation_id": None}
    meter = Meter(9).feed(frame(type="response.created", response=beside))
    meter.feed(frame(type="response.done", response={**beside, "usage": usage(text_in=500)}))
    meter.feed(response_created())
    assert meter.rest() == [response_guess(text_in=9)]


@pytest.mark.parametrize("given", [{}, {"usage": None}, {"usage": {}}])
def test_an_end_without_usage_is_estimated_at_once_if_something_was_produced(
    given: dict[str, Any],
) -> None:
    meter = Meter(9).feed(response_created(), words("item_a", TEN_TOKENS))
    meter.feed(response_done(status="cancelled", **given))
    assert meter.overdue(-1) == [response_guess(text_in=9, text_out=10)]
    # The next one reads it.
    meter.feed(response_created("resp_2"), words("item_b", TEN_TOKENS, "resp_2"))
    meter.feed(response_done("resp_2", **given))
    assert meter.rest() == [response_guess("resp_2", text_in=19, text_out=10)]


def test_the_estimate_of_an_ended_response_is_final_until_its_usage_comes() -> None:
    meter = Meter(2_000).feed(response_created(), words("item_a", TEN_TOKENS), response_done())
    assert meter.overdue(-1) == [response_guess(text_in=2_000, text_out=10)]
    # What a later one has read does not make the earlier one's input a cached one.
    meter.feed(response_created("resp_2"))
    meter.feed(response_done("resp_2", usage=usage(text_in=5_000)))
    assert meter.overdue(-1) == meter.rest() == []
    late = meter.add(json.loads(response_done(usage=usage(text_in=7))), 0.0)
    assert late is not None and late.text_in == 7


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_an_end_without_usage_costs_nothing_if_nothing_was_produced(status: str) -> None:
    meter = Meter(9).feed(response_created(), response_done(status=status, usage=None))
    assert meter.rest() == []


def test_a_failed_response_costs_nothing() -> None:
    meter = Meter(9).feed(response_created(), words("item_a", "Ye"), response_done(status="failed"))
    assert meter.rest() == []


def test_a_silent_response_is_estimated_and_again_when_it_has_grown() -> None:
    meter = Meter(9).feed(response_created(), at_s=10)
    assert meter.overdue(9) == []
    assert meter.overdue(10) == [response_guess(text_in=9)]
    meter.feed(words("item_a", TEN_TOKENS), at_s=40)
    assert meter.overdue(39) == []
    assert meter.rest() == [response_guess(text_in=9, text_out=10)]


def test_a_whole_text_replaces_its_deltas() -> None:
    whole = {"item_id": "item_a", "content_index": 0, "response_id": "resp_1"}
    done = frame(type="response.output_audio_transcript.done", transcript=TEN_TOKENS, **whole)
    call = frame(type="response.function_call_arguments.done", arguments=TEN_TOKENS, **whole)
    meter = Meter().feed(response_created(), words("item_a", "Ye"), done, call)
    assert meter.rest() == [response_guess(text_out=20)]


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (transcribed("item_u"), 2.0),
        (transcribed("item_u", usage={"type": "duration", "seconds": 2.0}), None),
        (frame(type="conversation.item.input_audio_transcription.failed", item_id="item_u"), None),
    ],
    ids=["without usage", "with usage", "failed"],
)
def test_a_transcription_without_usage_is_estimated(end: str, seconds: float | None) -> None:
    meter = Meter().feed(*spoken("item_u", 500, 2_500), end)
    expected = [] if seconds is None else [Usage("item_u", "transcription", seconds=seconds)]
    assert [(each.source_id, each.seconds) for each in meter.rest()] == [
        (each.source_id, each.seconds) for each in expected
    ]


def test_the_length_of_speech_that_the_client_committed_comes_with_its_transcript() -> None:
    committed = frame(type="input_audio_buffer.committed", item_id="item_u")
    bill = {"type": "duration", "seconds": 3.0}
    meter = Meter().feed(committed, transcribed("item_u", usage=bill), response_created())
    assert meter.rest() == [response_guess(audio_in=30)]


def test_speech_that_would_start_behind_its_end_costs_nothing() -> None:
    late = frame(type="input_audio_buffer.speech_started", audio_start_ms=9_000, item_id="item_u")
    assert Meter().feed(*spoken("item_u", 0, 1_000), late).rest() == []


def test_nonsense_is_ignored() -> None:
    times = {"audio_start_ms": 1e300, "audio_end_ms": "soon"}
    meter = Meter().feed(
        frame(type="response.created"),
        frame(type="response.done", response=[]),
        frame(type="response.output_text.delta", delta="Nobody's"),
        frame(type="input_audio_buffer.speech_started", item_id="item_u", **times),
        frame(type="input_audio_buffer.speech_stopped", item_id="item_u", **times),
        frame(type="input_audio_buffer.committed", item_id="item_u"),
        frame(type="input_audio_buffer.committed", item_id=7),
        frame(type="conversation.item.added", item="none"),
        transcribed("item_x", usage={"type": "duration", "seconds": 2.0}),
        frame(type="unknown"),
        frame(type=1),
    )
    meter.add_audio("resp_x", 99, 1)
    assert meter.rest() == [] and meter.overdue(9) == []


def test_a_text_answer_is_estimated_by_its_request() -> None:
    request = {
        "instructions": TEN_TOKENS,
        "input": [{"role": "user", "content": TEN_TOKENS}, {"role": "user", "content": "Yes."}],
    }
    expected = TextUsage("resp_1", "response", text_in=29, text_out=1, is_estimated=True)
    assert estimated_text_usage("resp_1", request, "No.") == expected
    assert estimated_text_usage("resp_1", {"input": TEN_TOKENS}, "").text_in == 14
