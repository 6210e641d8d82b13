"""The typed exchanges of the demo data."""

import pytest

from backend.demo_data.exchange_rows import add_exchange
from backend.protocol.transcript.turns import Modality, Role, TurnStatus
from tests.demo_data.equipment import new_draft


@pytest.mark.parametrize(
    ("status", "answers", "bills"),
    [
        (TurnStatus.COMPLETED, 1, 1),
        (TurnStatus.INTERRUPTED, 1, 0),
        (TurnStatus.FAILED, 0, 0),
    ],
)
def test_an_exchange_has_its_message_and_what_came_of_the_answer(
    status: TurnStatus, answers: int, bills: int
) -> None:
    draft = new_draft("ja")
    draft.take_block()
    reply = add_exchange(draft, status)
    message, *rest = draft.rows.turns
    assert (message.role, message.item_id) == (Role.USER, reply.message_id)
    assert [turn.item_id for turn in rest] == [f"{reply.message_id}_reply"] * answers
    positions = [turn.position - reply.first_position for turn in draft.rows.turns]
    assert positions == [0, 1][: answers + 1]
    assert {turn.modality for turn in draft.rows.turns} == {Modality.TEXT}
    assert all(turn.call is None for turn in draft.rows.turns)
    assert len(draft.rows.usages) == bills
    assert reply.started_at == message.started_at
    assert reply.lease_until > draft.clock
