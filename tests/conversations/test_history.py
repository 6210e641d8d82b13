"""The earlier turns that a new call replays to the model."""

import pytest
from django.contrib.auth.models import User

from backend.conversations.history import MAX_CHARACTERS, MAX_ITEMS, past_items, past_of
from backend.conversations.models import Session, Turn
from backend.protocol.transcript.turns import Role
from backend.relay.plan import PastItem
from tests.conversations.equipment import kept_turn, new_session


def new_turn(item_id: str, text: str, **fields: object) -> Turn:
    given: dict[str, object] = {"role": "user", "status": "completed"}
    return Turn(item_id=item_id, text=text, **given | fields)


def test_it_returns_both_sides_in_order() -> None:
    assert past_items([new_turn("a", "Hello."), new_turn("b", "Hi!", role="assistant")]) == (
        PastItem("a", Role.USER, "Hello."),
        PastItem("b", Role.ASSISTANT, "Hi!"),
    )


def test_of_an_interrupted_reply_only_the_heard_part_counts() -> None:
    cut = new_turn("b", "Hi there, friend!", role="assistant", heard_text="Hi there,", heard_ms=600)
    assert past_items([cut]) == (PastItem("b", Role.ASSISTANT, "Hi there,"),)


@pytest.mark.parametrize("fields", [{"heard_text": ""}, {"text": ""}, {"text": " \n"}])
def test_unheard_and_empty_turns_are_left_out(fields: dict[str, str]) -> None:
    assert past_items([new_turn("b", **{"text": "Hi!"} | fields)]) == ()


def test_a_reply_whose_connection_was_lost_counts_so_far() -> None:
    cut = new_turn("b", "Hi there,", role="assistant", status="interrupted")
    assert past_items([cut]) == (PastItem("b", Role.ASSISTANT, "Hi there,"),)


def test_content_parts_are_joined_to_one_item() -> None:
    parts = [new_turn("a", "One."), new_turn("a", "Two.", content_index=1)]
    assert past_items(parts) == (PastItem("a", Role.USER, "One. Two."),)


def test_the_oldest_items_beyond_the_limit_are_left_out() -> None:
    items = past_items(new_turn(f"item_{number}", "x") for number in range(MAX_ITEMS + 5))
    assert [item.item_id for item in items] == [f"item_{n}" for n in range(5, MAX_ITEMS + 5)]


def test_older_items_beyond_the_character_limit_are_left_out() -> None:
    long = "x" * (MAX_CHARACTERS // 2)
    items = past_items([new_turn("a", "First."), new_turn("b", long), new_turn("c", long)])
    assert [item.item_id for item in items] == ["b", "c"]


@pytest.mark.django_db
def test_it_reads_one_sessions_turns_in_spoken_order(owner: User) -> None:
    session, other = new_session(owner), new_session(owner)
    rows = (("c", 3, "user"), ("a", 1, "user"), ("b", 2, "assistant"), ("d", 4, "tool"))
    for item_id, position, role in rows:
        kept_turn(session, item_id=item_id, position=position, role=role)
    kept_turn(session, item_id="e", position=5, status="failed", text="half")
    kept_turn(other, item_id="z")
    assert [item.item_id for item in past_of(session.id)] == ["a", "b", "c"]


@pytest.mark.django_db
def test_a_session_without_turns_has_no_past(owner: User) -> None:
    assert past_of(Session.objects.create(user=owner).id) == ()
