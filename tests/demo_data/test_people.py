"""The people of the demo data: demo users without a password."""

import pytest
from django.contrib.auth.models import User

from backend.accounts.demo import DemoRefused, retire_demo_users
from backend.accounts.models import DemoUser
from backend.demo_data.people import PEOPLE, ensure_people
from tests.demo_data.equipment import NOW

pytestmark = pytest.mark.django_db


def test_there_are_a_dozen_people_in_both_languages() -> None:
    assert len({person.username for person in PEOPLE}) == 12
    assert {person.language for person in PEOPLE} == {"en", "ja"}


def test_they_are_demo_users_who_cannot_log_in_and_are_retired() -> None:
    ids = ensure_people(NOW)
    users = User.objects.filter(pk__in=ids.values())
    assert users.count() == len(PEOPLE)
    assert not any(user.has_usable_password() or user.is_staff for user in users)
    assert DemoUser.objects.filter(user__in=users).count() == len(PEOPLE)
    assert retire_demo_users() == len(PEOPLE)


def test_a_second_time_the_same_users_are_enabled_again() -> None:
    ids = ensure_people(NOW)
    retire_demo_users()
    assert ensure_people(NOW) == ids
    assert User.objects.filter(pk__in=ids.values(), is_active=True).count() == len(PEOPLE)


def test_somebody_elses_name_is_refused_and_left_alone() -> None:
    user = User.objects.create_user(PEOPLE[0].username, password="known-to-its-owner")
    with pytest.raises(DemoRefused, match=PEOPLE[0].username):
        ensure_people(NOW)
    user.refresh_from_db()
    assert user.has_usable_password()
    assert not DemoUser.objects.exists()
