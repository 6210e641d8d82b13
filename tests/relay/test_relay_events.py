"""The `relay.*` events."""

import json
from datetime import UTC, datetime

import pytest

from backend.protocol.endings import Ending
from backend.relay import relay_events
from backend.wording import sentence
from tests.relay.equipment import CLOSING_ENDINGS, plan


def test_ready_has_the_facts_of_the_call() -> None:
    assert json.loads(relay_events.ready("relay_1", plan(language="ja"))) == {
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
    assert json.loads(relay_events.error("mine", "frame_not_json", "ja")) == {
        "type": "relay.error",
        "event_id": "mine",
        "code": "frame_not_json",
        "message": sentence("frame_not_json", "ja"),
        "retryable": False,
    }


def test_a_truncation_is_answered_with_its_own_fields() -> None:
    fields = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 300}
    asked = {"type": "conversation.item.truncate", "event_id": "mine", **fields}
    assert json.loads(relay_events.truncated("relay_1", asked)) == {
        "type": "conversation.item.truncated",
        "event_id": "relay_1",
        **fields,
    }


def test_retry_after_is_in_whole_seconds_rounded_up() -> None:
    event = json.loads(relay_events.error("r", "rate_limit", "en", retry_after_s=1.2))
    assert event["retry_after"] == 2


@pytest.mark.parametrize("ending", CLOSING_ENDINGS)
def test_closing_and_failure_agree_with_the_tables(ending: Ending) -> None:
    closing = json.loads(relay_events.closing("r", ending, "en"))
    failure = json.loads(relay_events.failure("r", ending, "en"))
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
    assert "再起動" in relay_events.closing("r", Ending.DRAINING, "ja")


def test_draining_has_no_fields() -> None:
    assert json.loads(relay_events.draining("r")) == {"type": "relay.draining", "event_id": "r"}


def test_a_time_at_which_a_budget_starts_again_is_in_the_event_and_in_its_sentence() -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    closing = json.loads(relay_events.closing("r", Ending.BUDGET_SPENT, "ja", 60, december))
    assert closing["resets_at"] == "2026-12-01T00:00:00+00:00"
    assert closing["message"] == (
        "利用枠を使い切りました。12月1日 00:00（UTC）から再び利用できます。"
    )
    failure = json.loads(relay_events.error("r", Ending.BUDGET_SPENT, "en", resets_at=december))
    assert failure["message"] == (
        "Your budget is used up. It starts again on 1 December at 00:00 (UTC)."
    )
