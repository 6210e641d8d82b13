"""Rows of turns in written-out SQL, against those that the ORM writes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Turn as Row
from backend.conversations.turn_rows import StoredTurn, TurnRow, stored_turns, upsert
from backend.protocol.transcript.turns import Modality, Role, Turn, TurnStatus
from tests.conversations.equipment import NOON, new_call, new_session, turn

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FULL = Turn(
    "item_full", 3, Role.ASSISTANT, Modality.VOICE, "ＡＢＣ 100% '質問' \\ ﾊﾟﾝ",
    TurnStatus.INTERRUPTED, 7,
    heard_text="ＡＢＣ", heard_ms=1234, started_at=NOON + timedelta(microseconds=123),
    completed_at=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), first_sound_ms=620,
)  # fmt: skip
EMPTY = Turn("item_empty", 0, Role.USER, Modality.TEXT, "", TurnStatus.IN_PROGRESS, 0)


@pytest.fixture
def call(owner: User) -> OpenedCall:
    return new_call(new_session(owner))


def row_of(call: OpenedCall, said: Turn, *, is_reported: bool = False) -> TurnRow:
    return TurnRow(call.session_id, call.call_id, is_reported, said.position, said)


def values_of(item_id: str) -> dict[str, object]:
    (values,) = Row.objects.filter(item_id=item_id).values()
    return {name: value for name, value in values.items() if name not in ("id", "item_id")}


@pytest.mark.parametrize("said", [FULL, EMPTY], ids=["full", "empty"])
def test_a_row_is_as_the_orm_writes_it(call: OpenedCall, said: Turn) -> None:
    upsert([row_of(call, said)])
    Row.objects.create(
        session_id=call.session_id, call_id=call.call_id, item_id="by_the_orm",
        content_index=said.content_index, role=said.role, modality=said.modality, text=said.text,
        heard_text=said.heard_text, heard_ms=said.heard_ms, status=said.status,
        position=said.position, started_at=said.started_at, completed_at=said.completed_at,
        first_sound_ms=said.first_sound_ms,
    )  # fmt: skip
    assert values_of(said.item_id) == values_of("by_the_orm")


def test_a_row_of_the_same_key_is_updated_and_keeps_what_it_was_stored_with(
    call: OpenedCall,
) -> None:
    upsert([row_of(call, EMPTY, is_reported=True)])
    changed = replace(FULL, item_id=EMPTY.item_id, content_index=EMPTY.content_index)
    upsert([row_of(call, changed)._replace(call_id=None)])
    row = Row.objects.get()
    assert (row.call_id, row.is_reported) == (call.call_id, True)
    assert (row.role, row.status, row.text, row.position) == (
        FULL.role, FULL.status, FULL.text, FULL.position,
    )  # fmt: skip
    assert row.search_text == "abc 100% '質問' \\ ぱん"


def test_the_stored_rows_of_items_are_found(call: OpenedCall, owner: User) -> None:
    other = new_session(owner)
    upsert([row_of(call, turn("a")), row_of(call, turn("b", position=4)), row_of(call, turn("c"))])
    upsert([TurnRow(other.pk, None, False, 2, turn("a"))])
    stored = stored_turns({call.session_id, other.pk}, {"a", "b", "nothing"})
    assert sorted(stored, key=lambda each: each.position) == [
        StoredTurn(call.session_id, "a", 0, call.call_id, 0, "completed"),
        StoredTurn(other.pk, "a", 0, None, 2, "completed"),
        StoredTurn(call.session_id, "b", 0, call.call_id, 4, "completed"),
    ]
    assert stored[0].key == (stored[0].session_id, stored[0].item_id, stored[0].content_index)


def test_nothing_given_is_nothing_done(call: OpenedCall) -> None:
    upsert([])
    assert stored_turns([], ["a"]) == stored_turns([call.session_id], []) == []
    assert not Row.objects.exists()
