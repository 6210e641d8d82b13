"""The demo's logins: with DEBUG, and only then; new passwords every time."""

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from backend.accounts.demo import DemoRefused, ensure_demo_users

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _debug(settings: Any) -> None:
    settings.DEBUG = True


def test_it_makes_a_user_and_an_admin() -> None:
    user, admin = ensure_demo_users()
    assert (user.username, admin.username) == ("demo", "demo-admin")
    person, reviewer = (
        authenticate(username=login.username, password=login.password) for login in (user, admin)
    )
    assert isinstance(person, User)
    assert isinstance(reviewer, User)
    assert not person.is_staff
    assert reviewer.is_superuser


def test_every_start_has_new_passwords() -> None:
    first, second = ensure_demo_users(), ensure_demo_users()
    assert len({first.user.password, first.admin.password, second.user.password}) == 3
    assert authenticate(username="demo", password=first.user.password) is None
    assert authenticate(username="demo", password=second.user.password) is not None
    assert User.objects.count() == 2


def test_a_demo_user_who_was_made_an_admin_is_none_after_the_next_start() -> None:
    ensure_demo_users()
    User.objects.filter(username="demo").update(is_superuser=True, is_active=False)
    ensure_demo_users()
    demo = User.objects.get(username="demo")
    assert (demo.is_superuser, demo.is_active) == (False, True)


def test_it_refuses_without_debug(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(DemoRefused):
        ensure_demo_users()
    assert not User.objects.exists()
