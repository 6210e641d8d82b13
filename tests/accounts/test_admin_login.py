"""The admin's login form: the limits of the API's login, and its words."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from backend.accounts import admin_login
from backend.accounts.password_queue import PasswordQueue
from backend.wording import Language, sentence
from tests.accounts.test_api import post
from tests.cast import PASSWORD, client_of

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/admin/"


def attempt(client: Client, username: str, password: str = "wrong", language: str = "en") -> str:
    """Try to log in. Returns the page, or where it leads to."""
    body = {"username": username, "password": password}
    response = client.post(LOGIN, body, headers={"accept-language": language})
    return response.headers.get("Location") or response.content.decode()


def test_the_right_password_opens_the_admin(client: Client, staff: User) -> None:
    staff.set_password(PASSWORD)
    staff.save()
    assert attempt(client, staff.username, PASSWORD) == "/admin/"


def test_after_ten_wrong_passwords_even_the_right_one_has_to_wait(
    client: Client, staff: User
) -> None:
    staff.set_password(PASSWORD)
    staff.save()
    for number in range(10):
        # In both languages by turns: the count does not depend on the form's.
        language: Language = "ja" if number % 2 else "en"
        assert sentence("throttled", language) not in attempt(
            client, staff.username, language=language
        )
    for language in ("en", "ja"):
        assert sentence("throttled", language) in attempt(
            client, staff.username.upper(), PASSWORD, language
        )


def test_tries_at_both_doors_are_counted_together(client: Client, owner: User) -> None:
    for _ in range(10):
        post(client_of(None), "login", {"username": "owner", "password": "wrong"})
    assert sentence("throttled", "en") in attempt(client, "owner", PASSWORD)


def test_a_full_queue_is_told_like_a_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_login, "password_queue", PasswordQueue(max_waiting=0))
    assert sentence("throttled", "en") in attempt(client, "owner")
    monkeypatch.setattr(admin_login, "password_queue", PasswordQueue(max_in_all=0))
    assert sentence("unavailable", "en") in attempt(client, "owner")
