"""The demo's users: only with DEBUG, with new passwords at every start."""

from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from backend.accounts import tickets
from backend.accounts.credentials import Credential, user_of
from backend.accounts.demo import DemoLogins, DemoRefused, ensure_demo_users, retire_demo_users
from backend.accounts.models import DemoUser
from backend.protocol.errors import AdmissionRefused
from tests.cast import PASSWORD, client_of

pytestmark = pytest.mark.django_db

SESSION = uuid4()


@pytest.fixture(autouse=True)
def _debug(settings: Any) -> None:
    settings.DEBUG = True


@pytest.fixture
def logins() -> DemoLogins:
    """What `make run` printed before the server went into production."""
    return ensure_demo_users()


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


def test_the_next_start_takes_admin_rights_from_the_demo_user() -> None:
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


def test_it_refuses_a_name_of_another_user() -> None:
    somebody = User.objects.create_superuser("demo-admin", password=PASSWORD)
    with pytest.raises(DemoRefused, match="“demo-admin” who is not the demo's"):
        ensure_demo_users()
    somebody.refresh_from_db()
    assert somebody.check_password(PASSWORD)
    assert not User.objects.filter(username="demo").exists()


def test_a_disabled_demo_user_cannot_log_in(logins: DemoLogins) -> None:
    retire_demo_users()
    for login in logins:
        response = client_of(None).post("/api/auth/login/", login._asdict(), format="json")
        assert response.json()["error"]["code"] == "bad_credentials"


@pytest.mark.parametrize("who", ["user", "admin"])
def test_an_earlier_token_opens_neither_the_api_nor_a_call(logins: DemoLogins, who: str) -> None:
    token = signed_in(getattr(logins, who)._asdict())
    client = APIClient(headers={"Authorization": f"Token {token}"})
    assert client.get("/api/auth/me/").status_code == 200
    retire_demo_users()
    assert client.get("/api/auth/me/").status_code == 401
    with pytest.raises(AdmissionRefused, match="token_invalid"):
        user_of(Credential("token", token), SESSION)


def test_an_earlier_ticket_opens_no_call(logins: DemoLogins) -> None:
    ticket = tickets.issue(User.objects.get(username="demo").pk, SESSION).ticket
    retire_demo_users()
    with pytest.raises(AdmissionRefused, match="ticket_invalid"):
        user_of(Credential("ticket", ticket), SESSION)


def test_neither_the_admins_login_nor_its_earlier_session_works(
    client: Client, logins: DemoLogins
) -> None:
    assert client.login(**logins.admin._asdict())
    assert client.get("/admin/").status_code == 200
    retire_demo_users()
    assert client.get("/admin/").status_code == 302
    assert not client.login(**logins.admin._asdict())


def test_it_returns_how_many_were_enabled(logins: DemoLogins) -> None:
    assert [retire_demo_users(), retire_demo_users()] == [2, 0]


def test_the_next_demo_enables_them_again(logins: DemoLogins) -> None:
    retire_demo_users()
    again = ensure_demo_users()
    assert authenticate(**again.admin._asdict()) is not None
    assert authenticate(**logins.admin._asdict()) is None


def test_a_renamed_demo_user_is_disabled_too(logins: DemoLogins) -> None:
    User.objects.filter(username="demo-admin").update(username="boss")
    retire_demo_users()
    assert not User.objects.get(username="boss").is_active


def test_no_other_user_is_disabled_whatever_the_name(owner: User) -> None:
    real = User.objects.create_superuser("demo", password=PASSWORD)
    token = signed_in({"username": "demo", "password": PASSWORD})
    assert retire_demo_users() == 0
    real.refresh_from_db()
    assert real.is_active
    assert user_of(Credential("token", token), SESSION) == real.pk


def test_a_mark_names_its_user(logins: DemoLogins) -> None:
    pk = User.objects.get(username="demo").pk
    assert str(DemoUser.objects.get(user=pk)) == f"demo user {pk}"


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({}, 2),
        ({"email": "demo@example.org"}, 0),
        ({"is_superuser": True}, 0),
        ({"username": "demo2"}, 0),
        ({"days_before": 1}, 0),
    ],
    ids=str,
)
def test_the_migration_marks_the_users_of_earlier_demos(
    changes: dict[str, Any], marked: int
) -> None:
    ensure_demo_users()
    DemoUser.objects.all().delete()
    demo = User.objects.get(username="demo")
    demo.date_joined -= timedelta(days=changes.get("days_before", 0))
    for name, value in changes.items():
        setattr(demo, name, value)
    demo.save()
    import_module("backend.accounts.migrations.0002_demo_user").mark_the_pair(apps, None)
    assert DemoUser.objects.count() == marked


def signed_in(login: dict[str, str]) -> str:
    """The token that the login answers with."""
    token: str = client_of(None).post("/api/auth/login/", login, format="json").json()["token"]
    return token
