"""What is owed at the end of a call: asked and not yet answered."""

from typing import Any

import pytest

from backend.relay.pending_replies import PendingReplies, is_typed

TYPED = {
    "type": "conversation.item.create",
    "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
}
CUT = {"type": "conversation.item.truncate", "item_id": "item_a"}


def added(role: str, part: str) -> dict[str, Any]:
    item = {"id": "item_x", "type": "message", "role": role, "content": [{"type": part}]}
    return {"type": "conversation.item.added", "item": item}


def transcription(kind: str, item_id: str = "item_u") -> dict[str, Any]:
    return {"type": f"conversation.item.input_audio_transcription.{kind}", "item_id": item_id}


def test_nothing_is_owed_at_first() -> None:
    assert not PendingReplies().are_open


def test_a_typed_message_is_owed_until_it_is_an_item() -> None:
    debts = PendingReplies()
    debts.asked(TYPED)
    debts.told(added("assistant", "output_text"))
    debts.told(added("user", "input_audio"))
    assert debts.are_open
    debts.told(added("user", "input_text"))
    assert not debts.are_open


def test_each_of_two_typed_messages_is_owed() -> None:
    debts = PendingReplies()
    debts.asked(TYPED)
    debts.asked(TYPED)
    debts.told(added("user", "input_text"))
    assert debts.are_open


@pytest.mark.parametrize("kind", ["completed", "failed"])
def test_a_transcript_is_owed_from_the_commit_on(kind: str) -> None:
    debts = PendingReplies()
    debts.told({"type": "input_audio_buffer.committed", "item_id": "item_u"})
    debts.told(transcription("delta"))
    debts.told(transcription(kind, "another"))
    assert debts.are_open
    debts.told(transcription(kind))
    assert not debts.are_open


def test_speech_is_owed_from_the_clients_commit_on() -> None:
    debts = PendingReplies()
    debts.asked({"type": "input_audio_buffer.commit"})
    assert debts.are_open
    debts.told({"type": "input_audio_buffer.committed", "item_id": "item_u"})
    assert debts.are_open
    debts.told(transcription("completed"))
    assert not debts.are_open


def test_a_commit_of_nothing_is_owed_nothing() -> None:
    debts = PendingReplies()
    debts.asked({"type": "input_audio_buffer.commit"})
    debts.told({"type": "error", "error": {"code": "response_cancel_not_active"}})
    debts.told({"type": "error", "error": None})
    assert debts.are_open
    debts.told({"type": "error", "error": {"code": "input_audio_buffer_commit_empty"}})
    assert not debts.are_open


def test_a_truncation_is_owed_until_it_is_confirmed() -> None:
    debts = PendingReplies()
    debts.asked(CUT)
    assert debts.are_open
    debts.told({"type": "conversation.item.truncated", "item_id": "item_a"})
    assert not debts.are_open


@pytest.mark.parametrize("item", [None, [], {"role": "user"}, {"role": "user", "content": "x"}])
def test_a_strange_item_is_no_typed_message(item: object) -> None:
    assert not is_typed({"type": "conversation.item.added", "item": item})
