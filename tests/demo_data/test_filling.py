"""Filling a database with the demo data: what is written, replaced, left alone and refused."""

from collections import Counter
from itertools import groupby

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend.accounts.demo import DemoRefused
from backend.conversations.models import Session, Turn, Usage
from backend.conversations.reading import read_transcript
from backend.demo_data.filling import check_debug, check_users, fill
from backend.demo_data.people import ensure_people
from tests.conversations.equipment import new_session
from tests.demo_data.equipment import NOW, PARROT

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SESSIONS = 8


def run(seed: int = 1) -> list[str]:
    said: list[str] = []
    fill(PARROT, sessions=SESSIONS, seed=seed, now=NOW, say=said.append)
    return said


def stored_texts() -> Counter[tuple[str, str]]:
    return Counter(Turn.objects.values_list("item_id", "text"))


def test_the_sessions_are_written_in_batches_with_progress() -> None:
    said = run()
    assert said[0] == "2 of 8 sessions written"
    assert said[3] == "8 of 8 sessions written"
    assert Session.with_deleted.count() == SESSIONS
    assert set(Session.with_deleted.values_list("language", flat=True)) == {"en", "ja"}


def test_the_admin_shows_them_in_order_with_each_call_once() -> None:
    run()
    for session in Session.objects.all():
        shown = read_transcript(session)
        assert len(shown) == session.turns.count()
        moments = [each.turn.started_at for each in shown if each.turn.started_at is not None]
        assert moments == sorted(moments)
        chapters = [call_id for call_id, _ in groupby(each.turn.call_id for each in shown)]
        calls = [call_id for call_id in chapters if call_id is not None]
        assert len(calls) == len(set(calls))
        assert set(calls) == set(
            session.calls.filter(turns__isnull=False).values_list("pk", flat=True)
        )


def test_a_second_run_replaces_the_first_and_leaves_other_people_alone(owner: User) -> None:
    new_session(owner)
    run()
    texts, spent = stored_texts(), Usage.objects.count()
    assert run()[0] == f"{SESSIONS} sessions of an earlier run deleted"
    assert stored_texts() == texts
    assert Usage.objects.count() == spent
    run(seed=2)
    assert Session.with_deleted.count() == SESSIONS + 1
    assert not stored_texts() & texts
    assert owner.sessions.count() == 1


def test_without_debug_it_is_refused(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(DemoRefused, match="DEBUG"):
        check_debug()
    settings.DEBUG = True
    check_debug()


def test_beside_other_users_it_needs_a_confirmation(owner: User) -> None:
    ensure_people(NOW)
    with pytest.raises(DemoRefused, match="1 users.*--yes"):
        check_users(is_confirmed=False)
    check_users(is_confirmed=True)
