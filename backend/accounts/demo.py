"""The two logins of a demo: a person and an admin, with passwords that are new at every start."""

import secrets
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User

USERNAME, ADMIN_USERNAME = "demo", "demo-admin"


class DemoRefused(Exception):
    """Known logins do not belong on a server that is not for development."""


class DemoLogin(NamedTuple):
    """A login in clear, to be printed once."""

    username: str
    password: str


class DemoLogins(NamedTuple):
    """Who may talk, and who may read the admin."""

    user: DemoLogin
    admin: DemoLogin


def ensure_demo_users() -> DemoLogins:
    """Make both users where they are missing, and give both a new password.

    Raises DemoRefused without `DEBUG`.
    """
    if not settings.DEBUG:
        raise DemoRefused("Demo logins are made with DEBUG only.")
    return DemoLogins(_ensure(USERNAME, is_admin=False), _ensure(ADMIN_USERNAME, is_admin=True))


def _ensure(username: str, *, is_admin: bool) -> DemoLogin:
    password = secrets.token_urlsafe(9)
    user, _ = User.objects.get_or_create(username=username)
    user.is_active = True
    user.is_staff = user.is_superuser = is_admin
    user.set_password(password)
    user.save()
    return DemoLogin(username, password)
