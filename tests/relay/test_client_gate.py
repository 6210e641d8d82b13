"""What one client may send: rate, size, policy, what happened so far, and early frames."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from backend.protocol.endings import Ending
from backend.relay.client_gate import Accepted, ClientGate, Refused
from backend.relay.client_policy import PAGE_POLICY, ClientPolicy
from backend.relay.limits import Limits
from backend.relay.playback import PartKey
from tests.relay.attacks import ATTACKS
from tests.relay.equipment import append, frame, typed

ROOMY = Limits(client_burst_frames=1e9, client_burst_bytes=1e12, bad_frames=10**9)


def gate(
    *,
    limits: Limits | None = None,
    policy: ClientPolicy = PAGE_POLICY,
    past_item_ids: Collection[str] = (),
    sent_ms: Mapping[PartKey, float] | None = None,
) -> ClientGate:
    sent = sent_ms or {}
    return ClientGate(policy, limits or Limits(), past_item_ids, lambda key: sent.get(key, 0.0))


def refused(gate: ClientGate, text: str | bytes, at_s: float = 1.0) -> Refused:
    judged = gate.judge(text, at_s)
    assert isinstance(judged, Refused)
    return judged


def accepted(gate: ClientGate, text: str | bytes, at_s: float = 1.0) -> Accepted:
    judged = gate.judge(text, at_s)
    assert isinstance(judged, Accepted)
    return judged


# Policy


@pytest.mark.parametrize(
    ("text", "audio_ms"),
    [
        (append(), 40),
        (frame(type="input_audio_buffer.append", event_id="mine", audio="AAAA"), 3 / 48),
    ],
)
def test_audio_passes_as_its_own_text_with_its_length(text: str, audio_ms: float) -> None:
    assert gate().judge(text, 1.0) == Accepted(text, None, audio_ms)


def test_any_other_event_passes_as_its_own_text_with_its_event() -> None:
    text = typed("こんにちは")
    assert gate().judge(text, 1.0) == Accepted(text, json.loads(text), 0.0)


def test_no_attack_passes() -> None:
    judge = gate(limits=ROOMY)
    for attack in ATTACKS:
        assert refused(judge, attack).code is not None


def test_a_refusal_names_the_event_and_the_field() -> None:
    text = frame(type="response.create", event_id="mine", response={"tools": []})
    assert gate().judge(text, 1.0) == Refused("field_not_allowed", "mine", "response.tools")


@pytest.mark.parametrize("text", [append(), typed()])
def test_the_policy_is_a_value(text: str) -> None:
    closed = gate(policy=ClientPolicy("closed", {}))
    assert refused(closed, text).code == "event_not_allowed"


# Rate and size


def test_bad_frames_far_apart_do_not_end_the_call() -> None:
    judge = gate()
    for second in (1, 7, 13, 19):
        assert refused(judge, "not json", second) == Refused("frame_not_json")


def test_three_frames_that_are_too_large_end_the_call() -> None:
    judge, large = gate(), append(ms=20_000)
    judged = [refused(judge, large, second) for second in range(3)]
    assert [(each.code, each.ending) for each in judged] == [
        ("frame_too_large", None),
        ("frame_too_large", None),
        ("frame_too_large", Ending.BAD_FRAMES),
    ]


def test_a_client_over_its_rate_is_warned_once_and_then_the_call_ends() -> None:
    judge = gate(limits=replace(Limits(), client_burst_frames=1, client_frames_per_s=0.01))
    accepted(judge, append(), 0.0)
    warning = refused(judge, append(), 0.1)
    assert (warning.code, warning.is_retryable, warning.ending) == ("rate_limit", True, None)
    assert warning.retry_after_s is not None
    assert warning.retry_after_s > 90
    assert refused(judge, append(), 2.0) == Refused(None)
    for second in (4.0, 5.0):
        assert refused(judge, append(), second) == Refused(None)
    end = refused(judge, append(), 5.2)
    assert (end.code, end.ending) == (None, Ending.RATE_LIMIT)
    assert end.retry_after_s is not None


def test_the_rate_counts_utf8_bytes_and_not_characters() -> None:
    text = json.dumps(json.loads(typed("あ" * 1000)), ensure_ascii=False)
    size = len(text.encode())
    judge = gate(limits=replace(Limits(), client_burst_bytes=size, client_bytes_per_s=0.001))
    accepted(judge, text, 0.0)
    assert refused(judge, typed("a"), 0.0).code == "rate_limit"


def test_a_lone_surrogate_has_a_size_too() -> None:
    assert refused(gate(), '{"type":"\ud800"}').code == "frame_not_json"


# What happened


def test_no_more_is_truncated_than_was_sent() -> None:
    judge = gate(sent_ms={("item_a", 0): 999.5})

    def truncation(item_id: str, index: int, ms: int) -> str:
        return frame(
            type="conversation.item.truncate",
            event_id="cut",
            item_id=item_id,
            content_index=index,
            audio_end_ms=ms,
        )

    accepted(judge, truncation("item_a", 0, 1000))
    accepted(judge, truncation("item_b", 0, 0))
    for item_id, index, ms in (("item_a", 0, 1001), ("item_a", 1, 1), ("item_b", 0, 1)):
        expected = Refused("field_invalid", "cut", "audio_end_ms")
        assert judge.judge(truncation(item_id, index, ms), 2.0) == expected


def test_no_new_item_takes_the_id_of_a_past_item() -> None:
    judge = gate(past_item_ids={"item_past_reply"})
    expected = Refused("field_invalid", None, "item.id")
    assert judge.judge(typed("x", item_id="item_past_reply"), 0.0) == expected
    accepted(judge, typed("x", item_id="item_new"))


# Early frames


def test_early_frames_are_held_in_order_and_released_once() -> None:
    judge = gate()
    early = [append(), typed("first"), append(), frame(type="response.create")]
    for text in early:
        assert judge.hold(accepted(judge, text)) is None
    assert [held.text for held in judge.release()] == early
    assert judge.release() == []


def test_of_early_audio_the_last_six_seconds_are_kept() -> None:
    judge = gate(limits=ROOMY)
    audio = [append(ms=100, sample=bytes([number, 0])) for number in range(100)]
    message = typed("between")
    for number, text in enumerate(audio):
        judge.hold(accepted(judge, text))
        if number == 10:
            judge.hold(accepted(judge, message))
    assert [held.text for held in judge.release()] == [message, *audio[40:]]


def test_there_is_room_for_six_seconds_and_for_thirty_two_events() -> None:
    judge = gate(limits=ROOMY)
    audio, message = accepted(judge, append(ms=1000)), accepted(judge, typed())
    for _ in range(6):
        assert judge.has_room_for(audio)
        judge.hold(audio)
    for _ in range(32):
        assert judge.has_room_for(message)
        judge.hold(message)
    assert not judge.has_room_for(audio)
    assert not judge.has_room_for(message)
    judge.release()
    assert judge.has_room_for(audio)
    assert judge.has_room_for(message)


def test_of_early_events_the_thirty_third_is_refused() -> None:
    judge = gate()
    held = [judge.hold(accepted(judge, typed())) for _ in range(33)]
    assert held == [None] * 32 + [Refused("too_early", is_retryable=True)]
    assert judge.hold(accepted(judge, append())) is None
