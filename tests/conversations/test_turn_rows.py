"""Rows of turns in written-out SQL, against those that the ORM writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Turn as Row
from backend.conversations.turn_rows import StoredTurn, TurnRow, grow, stored_turns, upsert
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
    changed = FULL._replace(item_id=EMPTY.item_id, content_index=EMPTY.content_index)
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
    upsert([TurnRow(other.pk, None, False, 5, turn("b")), row_of(call, turn("a", content_index=1))])
    mine, others = call.session_id, other.pk
    stored = stored_turns({(mine, "a"), (mine, "b"), (mine, "nothing"), (others, "a")})
    found = sorted((each.session_id == mine, each.key[1:], each.position) for each in stored)
    assert found == [
        (False, ("a", 0), 2), (True, ("a", 0), 0), (True, ("a", 1), 0), (True, ("b", 0), 4),
    ]  # fmt: skip
    (row,) = (each for each in stored if each.item_id == "b")
    kept = Row.objects.get(session_id=mine, item_id="b")
    assert row == StoredTurn(mine, "b", 0, call.call_id, kept.pk, "user", "voice", "completed", 4)
    assert row.key == (mine.int, "b", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"status": TurnStatus.COMPLETED},
        {"position": 1},
        {"role": Role.ASSISTANT},
        {"modality": Modality.VOICE},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_row_has_the_place_of_a_turn_only_if_nothing_that_is_indexed_differs(
    call: OpenedCall, change: dict[str, object]
) -> None:
    upsert([row_of(call, EMPTY)])
    (row,) = stored_turns({(call.session_id, EMPTY.item_id)})
    longer = FULL._replace(role=Role.USER, modality=Modality.TEXT, status=TurnStatus.IN_PROGRESS)
    longer = longer._replace(position=0)
    assert row.has_place_of(row_of(call, longer))
    changed: Any = change
    assert not row.has_place_of(row_of(call, longer._replace(**changed)))


def test_a_row_that_grows_is_as_an_upsert_would_make_it(call: OpenedCall) -> None:
    grown = FULL._replace(role=EMPTY.role, modality=EMPTY.modality, status=EMPTY.status, position=0)
    expected = grown._replace(item_id="upserted", content_index=0)
    upsert([row_of(call, EMPTY._replace(item_id="upserted")), row_of(call, EMPTY)])
    upsert([row_of(call, expected)])
    (row,) = stored_turns({(call.session_id, EMPTY.item_id)})
    grow([(row.id, row_of(call, grown))])
    assert values_of(EMPTY.item_id) == values_of("upserted")


def test_nothing_given_is_nothing_done(call: OpenedCall) -> None:
    upsert([])
    grow([])
    assert stored_turns([]) == []
    assert not Row.objects.exists()
