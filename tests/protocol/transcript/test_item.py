"""One item at a time: its text, its status and its turn."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.protocol.transcript.item import Item, Part
from backend.protocol.transcript.turns import Modality, Role, TurnStatus

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=3)


def _voice(text: str = "") -> Part:
    part = Part(Modality.VOICE, first_at=NOW)
    if text:
        part.add_text(text, "")
    return part


def _item(role: Role | None, part: Part) -> Item:
    return Item("item_1", role=role, parts={0: part})


def test_deltas_are_joined_and_the_complete_text_replaces_them() -> None:
    part = _voice("Hel")
    part.add_text("lo wrold", "e2")
    assert part.text == "Hello wrold"
    part.complete_text("Hello world.")
    assert part.text == "Hello world."


def test_a_delta_counts_once() -> None:
    part = _voice()
    for event_id in ("e1", "e1", "e2", "e1"):
        part.add_text("ha", event_id)
    assert part.text == "haha"


def test_a_repeated_half_of_a_divided_character_counts_once() -> None:
    part = _voice()
    for delta, event_id in (("Nice \ud83d", "e1"), ("\ude00 ok\ud83d", "e2")):
        part.add_text(delta, event_id)
        part.add_text(delta, event_id)
    assert part.text == "Nice 😀 ok"
    part.complete_text("")
    assert part.text == "Nice 😀 ok"


def test_only_whole_characters_are_counted_for_what_was_heard() -> None:
    part = _voice()
    for delta in ("\ud83d", "\ude00\ud83d", "\ude00"):
        part.add_text(delta, "")
        part.add_audio(100, "")
    assert part.timing.text_chars == len(part.text) == 2
    part.truncate(200)
    assert _item(Role.ASSISTANT, part).turn(0, 0, TurnStatus.INTERRUPTED).heard_text == "😀"


def test_deltas_without_ids_are_all_counted() -> None:
    part = _voice("ha")
    part.add_text("ha", "")
    assert part.text == "haha"


def test_no_delta_is_taken_after_the_complete_text() -> None:
    part = _voice("Hello")
    part.complete_text("Hello.")
    part.add_text("!", "e9")
    assert part.text == "Hello."


def test_no_delta_is_taken_after_a_blank_complete_text() -> None:
    part = _voice("Hello")
    part.complete_text("")
    part.add_text("!", "e9")
    assert part.text == "Hello"


@pytest.mark.parametrize("blank", ["", " ", "\n\u3000"])
def test_white_space_does_not_replace_words(blank: str) -> None:
    part = _voice("Hello")
    part.complete_text(blank)
    assert part.text == "Hello"


def test_the_last_complete_text_counts() -> None:
    part = _voice()
    part.complete_text("Hello there.")
    part.complete_text("Hello")
    assert part.text == "Hello"


def test_a_truncated_text_is_not_shortened() -> None:
    part = _voice("Hello there.")
    part.truncate(10)
    part.complete_text("Hello")
    assert part.text == "Hello there."


def test_a_truncated_text_can_be_corrected_and_grow() -> None:
    part = _voice("Hello their")
    part.truncate(10)
    part.complete_text("Hello there, you.")
    assert part.text == "Hello there, you."


def test_the_smallest_truncation_counts() -> None:
    part = _voice()
    for heard_ms in (30, 10, 20):
        part.truncate(heard_ms)
    assert part.heard_ms == 10


def test_audio_counts_once_and_not_after_its_end() -> None:
    part = _voice()
    for event_id in ("a1", "a1", "a2"):
        part.add_audio(10, event_id)
    assert part.timing.audio_ms == 20
    part.complete_audio()
    part.add_audio(10, "a3")
    assert part.timing.audio_ms == 20


@pytest.mark.parametrize(
    ("transcribed", "failed", "deleted", "status"),
    [
        (False, False, False, TurnStatus.IN_PROGRESS),
        (True, False, False, TurnStatus.COMPLETED),
        (False, True, False, TurnStatus.FAILED),
        (True, True, False, TurnStatus.COMPLETED),
        (False, False, True, TurnStatus.INTERRUPTED),
        (True, False, True, TurnStatus.COMPLETED),
        (False, True, True, TurnStatus.FAILED),
    ],
)
def test_the_status_of_speech_is_that_of_its_transcription(
    transcribed: bool, failed: bool, deleted: bool, status: TurnStatus
) -> None:
    part = _voice("words")
    part.is_transcribed, part.is_failed = transcribed, failed
    item = _item(Role.USER, part)
    item.is_deleted = deleted
    assert item.status_of(part, None, is_finished=False) is status


def test_a_typed_message_is_complete_at_once() -> None:
    part = Part(Modality.TEXT)
    assert _item(Role.USER, part).status_of(part, None, False) is TurnStatus.COMPLETED


@pytest.mark.parametrize(
    ("item_status", "response_end", "status"),
    [
        ("", None, TurnStatus.IN_PROGRESS),
        ("", TurnStatus.COMPLETED, TurnStatus.COMPLETED),
        ("", TurnStatus.INTERRUPTED, TurnStatus.INTERRUPTED),
        ("", TurnStatus.FAILED, TurnStatus.FAILED),
        ("completed", None, TurnStatus.COMPLETED),
        ("completed", TurnStatus.INTERRUPTED, TurnStatus.COMPLETED),
        ("completed", TurnStatus.FAILED, TurnStatus.COMPLETED),
        ("incomplete", None, TurnStatus.INTERRUPTED),
        ("incomplete", TurnStatus.COMPLETED, TurnStatus.INTERRUPTED),
        ("incomplete", TurnStatus.FAILED, TurnStatus.FAILED),
        ("both", None, TurnStatus.INTERRUPTED),
    ],
)
def test_the_status_of_an_answer_is_its_items_else_its_responses(
    item_status: str, response_end: TurnStatus | None, status: TurnStatus
) -> None:
    part = _voice("words")
    item = _item(Role.ASSISTANT, part)
    item.is_completed = item_status in ("completed", "both")
    item.is_incomplete = item_status in ("incomplete", "both")
    assert item.status_of(part, response_end, is_finished=False) is status


@pytest.mark.parametrize("response_end", [None, TurnStatus.COMPLETED, TurnStatus.FAILED])
def test_a_truncated_or_deleted_answer_is_interrupted(response_end: TurnStatus | None) -> None:
    truncated, deleted = _voice("words"), _voice("words")
    truncated.truncate(0)
    cut, gone = _item(Role.ASSISTANT, truncated), _item(Role.ASSISTANT, deleted)
    gone.is_deleted = True
    assert cut.status_of(truncated, response_end, False) is TurnStatus.INTERRUPTED
    assert gone.status_of(deleted, response_end, False) is TurnStatus.INTERRUPTED


def test_a_deleted_written_answer_stays_completed() -> None:
    part = Part(Modality.TEXT, final="words")
    item = _item(Role.ASSISTANT, part)
    item.is_completed = item.is_deleted = True
    turn = item.turn(0, 0, item.status_of(part, None, False))
    assert (turn.status, turn.heard_text, turn.heard_ms) == (TurnStatus.COMPLETED, None, None)


@pytest.mark.parametrize("role", [Role.USER, Role.ASSISTANT])
def test_the_end_of_the_call_interrupts_a_part_in_progress(role: Role) -> None:
    part = _voice("words")
    assert _item(role, part).status_of(part, None, is_finished=True) is TurnStatus.INTERRUPTED


def test_the_end_of_the_call_leaves_a_completed_part() -> None:
    part = _voice("words")
    item = _item(Role.ASSISTANT, part)
    item.is_completed = True
    assert item.status_of(part, None, is_finished=True) is TurnStatus.COMPLETED


@pytest.mark.parametrize(
    ("role", "modality", "text", "failed", "transcribed", "finished", "deleted", "is_turn"),
    [
        (Role.USER, Modality.VOICE, "hi", False, False, False, False, True),
        (Role.ASSISTANT, Modality.VOICE, "hi", False, False, False, True, True),
        (None, Modality.VOICE, "hi", False, False, True, False, False),
        (Role.USER, Modality.VOICE, " ", False, False, False, False, False),
        (Role.USER, Modality.VOICE, "", True, False, False, False, True),
        (Role.USER, Modality.VOICE, "", True, False, False, True, False),
        (Role.USER, Modality.VOICE, "", False, False, True, False, True),
        (Role.USER, Modality.VOICE, "", False, True, True, False, False),
        (Role.USER, Modality.VOICE, "", False, False, True, True, False),
        (Role.USER, Modality.TEXT, "", False, False, True, False, False),
        (Role.ASSISTANT, Modality.VOICE, "", False, False, True, False, False),
    ],
)
def test_words_make_a_turn_and_so_does_speech_without_a_transcript(
    role: Role | None,
    modality: Modality,
    text: str,
    failed: bool,
    transcribed: bool,
    finished: bool,
    deleted: bool,
    is_turn: bool,
) -> None:
    part = Part(modality, streamed=text, is_failed=failed, is_transcribed=transcribed)
    item = _item(role, part)
    item.is_deleted = deleted
    assert item.is_turn(part, finished) is is_turn


def test_an_item_that_is_no_message_makes_no_turn() -> None:
    part = _voice("words")
    item = _item(Role.ASSISTANT, part)
    item.is_message = False
    assert not item.is_turn(part, is_finished=False)


def test_only_a_truncated_spoken_answer_has_heard_text() -> None:
    part = _voice("Hello there")
    part.add_audio(100, "a1")
    item = _item(Role.ASSISTANT, part)
    assert item.turn(0, 0, TurnStatus.COMPLETED).heard_ms is None
    part.truncate(50)
    turn = item.turn(0, 0, TurnStatus.INTERRUPTED)
    assert (turn.heard_text, turn.heard_ms) == ("Hello", 50)
    user = _item(Role.USER, part)
    assert user.turn(0, 0, TurnStatus.COMPLETED).heard_text is None


def test_a_deleted_answer_was_not_heard_unless_it_was_truncated() -> None:
    part = _voice("Hello there")
    part.add_audio(100, "a1")
    item = _item(Role.ASSISTANT, part)
    item.is_deleted = True
    turn = item.turn(0, 0, TurnStatus.INTERRUPTED)
    assert (turn.heard_text, turn.heard_ms) == ("", 0)
    part.truncate(50)
    turn = item.turn(0, 0, TurnStatus.INTERRUPTED)
    assert (turn.heard_text, turn.heard_ms) == ("Hello", 50)


def test_a_users_speech_lasts_from_its_start_to_its_stop() -> None:
    part = _voice("words")
    item = _item(Role.USER, part)
    item.speech_started_at = NOW - timedelta(seconds=2)
    item.speech_stopped_at = NOW - timedelta(seconds=1)
    item.record_end(part, LATER)
    turn = item.turn(0, 0, TurnStatus.COMPLETED)
    assert turn.started_at == NOW - timedelta(seconds=2)
    assert turn.completed_at == NOW - timedelta(seconds=1)


def test_speech_that_the_client_committed_lasts_until_its_commit() -> None:
    part = _voice("words")
    item = _item(Role.USER, part)
    item.record_end(part, LATER)
    turn = item.turn(0, 0, TurnStatus.COMPLETED)
    assert (turn.started_at, turn.completed_at) == (NOW, NOW)


def test_the_first_end_of_an_answer_is_its_end_time() -> None:
    part = _voice("words")
    item = _item(Role.ASSISTANT, part)
    item.record_end(part, LATER)
    item.record_end(part, LATER + timedelta(seconds=9))
    turn = item.turn(0, 0, TurnStatus.COMPLETED)
    assert (turn.started_at, turn.completed_at) == (NOW, LATER)
