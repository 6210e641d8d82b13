"""What a new call tells the model of the earlier ones."""

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Session, Turn
from backend.conversations.past import MAX_CHARACTERS, MAX_ITEMS, past_items, past_of
from backend.protocol.transcript.turns import Role
from backend.relay.plan import PastItem
from tests.conversations.equipment import kept_turn, new_session


def said(item_id: str, text: str, **fields: object) -> Turn:
    given: dict[str, object] = {"role": "user", "status": "completed"}
    return Turn(item_id=item_id, text=text, **given | fields)


def test_it_tells_both_sides_in_order() -> None:
    assert past_items([said("a", "Hello."), said("b", "Hi!", role="assistant")]) == (
        PastItem("a", Role.USER, "Hello."),
        PastItem("b", Role.ASSISTANT, "Hi!"),
    )


def test_of_a_reply_that_was_cut_off_only_the_heard_part_is_told() -> None:
    cut = said("b", "Hi there, friend!", role="assistant", heard_text="Hi there,", heard_ms=600)
    assert past_items([cut]) == (PastItem("b", Role.ASSISTANT, "Hi there,"),)


@pytest.mark.parametrize("fields", [{"heard_text": ""}, {"text": ""}, {"text": " \n"}])
def test_what_nobody_heard_is_not_told(fields: dict[str, str]) -> None:
    assert past_items([said("b", **{"text": "Hi!"} | fields)]) == ()


def test_a_reply_whose_connection_died_is_told_as_far_as_it_came() -> None:
    cut = said("b", "Hi there,", role="assistant", status="interrupted")
    assert past_items([cut]) == (PastItem("b", Role.ASSISTANT, "Hi there,"),)


def test_parts_of_one_item_are_one_item() -> None:
    parts = [said("a", "One."), said("a", "Two.", content_index=1)]
    assert past_items(parts) == (PastItem("a", Role.USER, "One. Two."),)


def test_the_oldest_items_make_room() -> None:
    items = past_items(said(f"item_{number}", "x") for number in range(MAX_ITEMS + 5))
    assert [item.item_id for item in items] == [f"item_{n}" for n in range(5, MAX_ITEMS + 5)]


def test_long_items_make_room_too() -> None:
    long = "x" * (MAX_CHARACTERS // 2)
    items = past_items([said("a", "First."), said("b", long), said("c", long)])
    assert [item.item_id for item in items] == ["b", "c"]


@pytest.mark.django_db
def test_it_reads_one_sessions_newest_words_in_spoken_order(owner: User) -> None:
    session, other = new_session(owner), new_session(owner)
    rows = (("c", 3, "user"), ("a", 1, "user"), ("b", 2, "assistant"), ("d", 4, "tool"))
    for item_id, position, role in rows:
        kept_turn(session, item_id=item_id, position=position, role=role)
    kept_turn(session, item_id="e", position=5, status="failed", text="half")
    kept_turn(other, item_id="z")
    assert [item.item_id for item in past_of(session.id)] == ["a", "b", "c"]


@pytest.mark.django_db
def test_a_session_in_which_nothing_was_said_has_no_past(owner: User) -> None:
    assert past_of(Session.objects.create(user=owner).id) == ()
