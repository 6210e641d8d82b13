"""Drafts of sessions: positions, costs, times and ids."""

from datetime import timedelta

from backend.conversations.lifecycle import POSITIONS_PER_BLOCK
from backend.demo_data.proportions import UNPRICED_MODEL
from backend.protocol.transcript.turns import Modality, Role
from backend.protocol.usage import Usage
from tests.demo_data.equipment import NOW, new_draft


def test_each_block_of_positions_is_taken_once() -> None:
    draft = new_draft()
    assert [draft.take_block() for _ in range(2)] == [0, POSITIONS_PER_BLOCK]
    assert draft.rows.session.next_position == 2 * POSITIONS_PER_BLOCK


def test_a_usage_has_its_users_cost_or_an_unknown_one() -> None:
    draft = new_draft()
    bill = Usage("resp_1", "response", text_in=1000)
    draft.add_usage(bill, "gpt-realtime", NOW)
    draft.add_usage(bill, UNPRICED_MODEL, NOW)
    priced, unpriced = draft.rows.usages
    assert priced.cost_usd
    assert priced.price_date
    assert (unpriced.cost_usd, unpriced.price_date) == (None, None)
    assert {priced.user_id, unpriced.user_id} == {draft.rows.session.user_id}


def test_moving_a_session_moves_all_of_its_times() -> None:
    draft = new_draft()
    draft.add_turn(None, Role.USER, Modality.TEXT, "Hello", position=0, started_at=NOW)
    draft.rows.move(timedelta(weeks=-1))
    (turn,) = draft.rows.turns
    assert turn.started_at == turn.completed_at == NOW - timedelta(weeks=1)
    assert draft.rows.session.created_at == NOW - timedelta(weeks=1)
    assert draft.rows.session.closed_at is None


def test_ids_are_unlike_each_other_and_repeat_with_the_seed() -> None:
    made = [
        [draft.id("item_"), draft.id("item_"), draft.uuid()] for draft in (new_draft(), new_draft())
    ]
    assert made[0] == made[1]
    assert len(set(made[0])) == 3
