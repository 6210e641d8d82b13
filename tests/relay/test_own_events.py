"""The relay's own events."""

import json

import pytest

from backend.protocol.endings import Ending
from backend.relay import own_events
from backend.wording import sentence
from tests.relay.equipment import CLOSING_ENDINGS, plan


def test_ready_has_the_facts_of_the_call() -> None:
    assert json.loads(own_events.ready("relay_1", plan(language="ja"))) == {
        "type": "relay.ready",
        "event_id": "relay_1",
        "session_id": "22222222-2222-4222-8222-222222222222",
        "call_id": "11111111-1111-4111-8111-111111111111",
        "model": "gpt-realtime",
        "voice": "marin",
        "language": "ja",
        "demo": False,
    }


def test_an_error_leaves_out_empty_fields() -> None:
    assert json.loads(own_events.error("mine", "frame_not_json", "ja")) == {
        "type": "relay.error",
        "event_id": "mine",
        "code": "frame_not_json",
        "message": sentence("frame_not_json", "ja"),
        "retryable": False,
    }


def test_a_truncation_is_answered_with_its_own_fields() -> None:
    fields = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 300}
    asked = {"type": "conversation.item.truncate", "event_id": "mine", **fields}
    assert json.loads(own_events.truncated("relay_1", asked)) == {
        "type": "conversation.item.truncated",
        "event_id": "relay_1",
        **fields,
    }


def test_retry_after_is_in_whole_seconds_rounded_up() -> None:
    event = json.loads(own_events.error("r", "rate_limit", "en", retry_after_s=1.2))
    assert event["retry_after"] == 2


@pytest.mark.parametrize("ending", CLOSING_ENDINGS)
def test_closing_and_failure_agree_with_the_tables(ending: Ending) -> None:
    closing = json.loads(own_events.closing("r", ending, "en"))
    failure = json.loads(own_events.failure("r", ending, "en"))
    assert closing["code"] == ending.close_code
    assert closing["reason"] == failure["code"] == str(ending)
    assert closing["retryable"] == failure["retryable"] == ending.is_retryable


@pytest.mark.parametrize(
    "code",
    ["event_not_allowed", "field_not_allowed", "field_invalid", "rate_limit", "too_early"],
)
def test_every_error_code_has_a_sentence_of_its_own(code: str) -> None:
    assert sentence(code, "en") != sentence("internal", "en")
    assert sentence(code, "ja") != sentence("internal", "ja")


def test_japanese_is_not_escaped() -> None:
    assert "再起動" in own_events.closing("r", Ending.DRAINING, "ja")


def test_draining_has_no_fields() -> None:
    assert json.loads(own_events.draining("r")) == {"type": "relay.draining", "event_id": "r"}
