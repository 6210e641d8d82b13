"""`manage.py ensure_admin` says what it did, and never the password."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db


def output() -> str:
    out = StringIO()
    call_command("ensure_admin", stdout=out)
    return out.getvalue().strip()


def test_it_says_what_it_did(settings: Any) -> None:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "boss", ""
    assert output() == "ADMIN_PASSWORD is empty: no admin was created."
    settings.ADMIN_PASSWORD = PASSWORD
    assert output() == "Created the admin “boss”."
    assert output() == "There is a user “boss”: nothing was changed."


def test_a_weak_password_ends_it_with_the_settings_name(settings: Any) -> None:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "boss", "12345678"
    with pytest.raises(CommandError, match="^ADMIN_PASSWORD: it is too easy to guess") as error:
        output()
    assert "12345678" not in str(error.value)
