"""The earlier turns of a session in the database that a model is given."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend.conversations import history
from backend.conversations.history import past_of
from backend.conversations.models import Session
from backend.relay.bounded_history import Past, bounded_past
from tests.conversations.equipment import kept_turn, new_session
from tests.relay.test_bounded_history import COST, PLENTY, exchange, ids


@pytest.mark.django_db
def test_it_reads_one_sessions_turns_in_spoken_order(owner: User) -> None:
    session, other = new_session(owner), new_session(owner)
    rows = (("c", 3, "user"), ("a", 1, "user"), ("b", 2, "assistant"), ("d", 4, "tool"))
    for item_id, position, role in rows:
        kept_turn(session, item_id=item_id, position=position, role=role)
    kept_turn(session, item_id="e", position=5, status="failed", text="half")
    kept_turn(other, item_id="z")
    assert past_of(session.id) == bounded_past(session.turns.exclude(role="tool"), PLENTY)
    assert ids(past_of(session.id)) == ["a", "b", "c"]
    assert ids(past_of(session.id, before=3)) == ["a", "b"]


@pytest.mark.django_db
def test_a_session_without_turns_has_no_past(owner: User) -> None:
    assert past_of(Session.objects.create(user=owner).id) == Past()


@pytest.mark.django_db
def test_the_setting_bounds_the_history(owner: User, settings: Settings) -> None:
    session = new_session(owner)
    for turn in [*exchange(1), *exchange(2)]:
        turn.session, turn.modality = session, "text"
        turn.save()
    assert past_of(session.id).remembered_from is None
    settings.HISTORY_TOKENS = 3 * COST
    past = past_of(session.id)
    assert (ids(past), past.remembered_from) == (["q2", "a2.0"], 20)


@pytest.mark.django_db
def test_it_reads_a_bounded_number_of_turns(
    owner: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(history, "MAX_TURNS", 3)
    session = new_session(owner)
    for turn in [*exchange(1), *exchange(2)]:
        turn.session, turn.modality = session, "text"
        turn.save()
    with django_assert_num_queries(1):
        past = past_of(session.id)
    assert (ids(past), past.remembered_from) == (["q2", "a2.0"], 20)
