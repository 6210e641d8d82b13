"""The first admin: created once, never changed afterwards."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from backend.accounts.first_admin import ensure_first_admin
from backend.settings_table import SettingError
from tests.cast import PASSWORD, person

pytestmark = pytest.mark.django_db


def test_it_creates_a_superuser_who_can_sign_in() -> None:
    assert ensure_first_admin("boss", PASSWORD)
    admin = authenticate(username="boss", password=PASSWORD)
    assert isinstance(admin, User)
    assert (admin.is_staff, admin.is_superuser) == (True, True)


def test_a_second_run_changes_nothing() -> None:
    ensure_first_admin("boss", PASSWORD)
    admin = User.objects.get()
    admin.set_password("changed since then")
    admin.save()
    assert not ensure_first_admin("boss", PASSWORD)
    assert authenticate(username="boss", password="changed since then")
    assert User.objects.count() == 1


def test_an_existing_user_does_not_become_an_admin() -> None:
    person("boss")
    assert not ensure_first_admin("Boss", PASSWORD)
    assert not User.objects.get().is_superuser


def test_without_a_password_there_is_no_admin() -> None:
    assert not ensure_first_admin("boss", "")
    assert not User.objects.exists()


def test_the_name_is_normalised_as_at_the_login() -> None:
    ensure_first_admin(" ｂｏｓｓ ", PASSWORD)
    assert User.objects.get().username == "boss"


@pytest.mark.parametrize(
    ("username", "password", "named"),
    [
        ("boss", "12345678", "ADMIN_PASSWORD"),
        ("boss", "short", "ADMIN_PASSWORD"),
        ("the boss", PASSWORD, "ADMIN_USERNAME"),
        ("", PASSWORD, "ADMIN_USERNAME"),
        ("b" * 151, PASSWORD, "ADMIN_USERNAME"),
    ],
)
def test_what_is_not_acceptable_is_named_with_what_to_write(
    username: str, password: str, named: str
) -> None:
    with pytest.raises(SettingError, match=rf"^{named}: .+\. Write ") as error:
        ensure_first_admin(username, password)
    assert password not in str(error.value)
    assert not User.objects.exists()
