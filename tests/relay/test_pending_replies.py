"""Which replies of the provider are pending at the end of a call."""

from typing import Any

import pytest

from backend.relay.pending_replies import PendingReplies, is_typed_message

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


def test_nothing_is_pending_at_first() -> None:
    assert not PendingReplies().are_pending


def test_a_typed_message_is_pending_until_it_is_an_item() -> None:
    pending = PendingReplies()
    pending.add_client_event(TYPED)
    pending.add_provider_event(added("assistant", "output_text"))
    pending.add_provider_event(added("user", "input_audio"))
    assert pending.are_pending
    pending.add_provider_event(added("user", "input_text"))
    assert not pending.are_pending


def test_each_of_two_typed_messages_is_pending() -> None:
    pending = PendingReplies()
    pending.add_client_event(TYPED)
    pending.add_client_event(TYPED)
    pending.add_provider_event(added("user", "input_text"))
    assert pending.are_pending


@pytest.mark.parametrize("kind", ["completed", "failed"])
def test_a_transcript_is_pending_from_the_commit_on(kind: str) -> None:
    pending = PendingReplies()
    pending.add_provider_event({"type": "input_audio_buffer.committed", "item_id": "item_u"})
    pending.add_provider_event(transcription("delta"))
    pending.add_provider_event(transcription(kind, "another"))
    assert pending.are_pending
    pending.add_provider_event(transcription(kind))
    assert not pending.are_pending


def test_a_transcript_that_was_given_up_is_no_longer_pending() -> None:
    pending = PendingReplies()
    pending.add_provider_event({"type": "input_audio_buffer.committed", "item_id": "item_u"})
    pending.give_up_transcript("another")
    assert pending.are_pending
    pending.give_up_transcript("item_u")
    assert not pending.are_pending


def test_speech_is_pending_from_the_clients_commit_on() -> None:
    pending = PendingReplies()
    pending.add_client_event({"type": "input_audio_buffer.commit"})
    assert pending.are_pending
    pending.add_provider_event({"type": "input_audio_buffer.committed", "item_id": "item_u"})
    assert pending.are_pending
    pending.add_provider_event(transcription("completed"))
    assert not pending.are_pending


def test_a_commit_without_audio_is_no_longer_pending() -> None:
    pending = PendingReplies()
    pending.add_client_event({"type": "input_audio_buffer.commit"})
    pending.add_provider_event({"type": "error", "error": {"code": "response_cancel_not_active"}})
    pending.add_provider_event({"type": "error", "error": None})
    assert pending.are_pending
    pending.add_provider_event(
        {"type": "error", "error": {"code": "input_audio_buffer_commit_empty"}}
    )
    assert not pending.are_pending


def test_a_truncation_is_pending_until_it_is_confirmed() -> None:
    pending = PendingReplies()
    pending.add_client_event(CUT)
    assert pending.are_pending
    pending.add_provider_event({"type": "conversation.item.truncated", "item_id": "item_a"})
    assert not pending.are_pending


@pytest.mark.parametrize("item", [None, [], {"role": "user"}, {"role": "user", "content": "x"}])
def test_a_malformed_item_is_no_typed_message(item: object) -> None:
    assert not is_typed_message({"type": "conversation.item.added", "item": item})
