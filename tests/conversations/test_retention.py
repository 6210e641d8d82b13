"""Sessions older than their owner's setting are deleted; a group's rule counts instead."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.conversations.models import RetentionRule, Session, Turn, Usage
from backend.conversations.retention import delete_expired
from tests.conversations.equipment import kept_turn, kept_usage, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def session_of_age(user: User, days: float, title: str = "") -> Session:
    """A session whose last change is this many days ago."""
    return new_session(user, title=title, updated_at=timezone.now() - timedelta(days=days))


def group_of(user: User, name: str, days: int | None) -> Group:
    """A group of this user with a rule."""
    group = Group.objects.create(name=name)
    user.groups.add(group)
    RetentionRule.objects.create(group=group, days=days)
    return group


def titles() -> set[str]:
    return set(Session.with_deleted.values_list("title", flat=True))


def test_by_default_everything_is_kept(owner: User, settings: Any) -> None:
    assert settings.KEEP_DAYS == 0
    session_of_age(owner, 10_000)
    assert delete_expired() == 0
    assert Session.objects.exists()


def test_a_session_goes_with_its_words_and_leaves_what_it_cost(owner: User, settings: Any) -> None:
    settings.KEEP_DAYS = 30
    old = session_of_age(owner, 31, "old")
    kept_turn(old)
    kept_usage(old, "resp_1", "gpt-realtime", audio_out=10)
    session_of_age(owner, 29, "recent")
    session_of_age(owner, 40, "hidden")
    Session.objects.filter(title="hidden").update(deleted_at=timezone.now())
    assert delete_expired() == 2
    assert titles() == {"recent"}
    assert not Turn.objects.exists()
    assert Usage.objects.get(session=None).user == owner
    assert delete_expired() == 0


def test_a_session_with_a_live_call_is_kept(owner: User, settings: Any) -> None:
    settings.KEEP_DAYS = 1
    session = new_session(owner)
    new_call(session)
    Session.objects.update(updated_at=timezone.now() - timedelta(days=2))
    assert delete_expired() == 0


@pytest.mark.parametrize(
    ("everybody", "rules", "kept"),
    [
        (10, {}, {"5"}),
        (10, {"a": 50}, {"5", "20"}),
        (10, {"a": 3}, set()),
        (10, {"a": None}, {"5", "20", "100"}),
        (10, {"a": None, "b": 50}, {"5", "20"}),
        (0, {"a": 50, "b": 10}, {"5"}),
        (0, {"a": None}, {"5", "20", "100"}),
    ],
)  # fmt: skip
def test_the_rule_of_a_group_counts_and_of_several_the_shortest(
    owner: User, settings: Any, everybody: int, rules: dict[str, int | None], kept: set[str]
) -> None:
    settings.KEEP_DAYS = everybody
    for name, days in rules.items():
        group_of(owner, name, days)
    for age in (5, 20, 100):
        session_of_age(owner, age, str(age))
    delete_expired()
    assert titles() == kept


def test_a_rule_touches_no_one_else(owner: User, stranger: User) -> None:
    group_of(owner, "a", 3)
    session_of_age(owner, 5, "owner's")
    session_of_age(stranger, 5, "stranger's")
    assert delete_expired() == 1
    assert titles() == {"stranger's"}


def test_one_run_deletes_a_bounded_number_and_the_oldest_first(owner: User, settings: Any) -> None:
    settings.KEEP_DAYS = 10
    for age in (20, 40, 30):
        session_of_age(owner, age, str(age))
    assert delete_expired(limit=2) == 2
    assert titles() == {"20"}
    assert delete_expired(limit=2) == 1


@pytest.mark.parametrize("days", [0, 36_501])
def test_the_database_refuses_days_out_of_range(days: int) -> None:
    group = Group.objects.create(name="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        RetentionRule.objects.create(group=group, days=days)
