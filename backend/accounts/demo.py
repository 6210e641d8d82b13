"""The two users of `make run`: a person and an admin, with new passwords at every start.

They are for development. A server without `DEBUG` disables them before it listens, because their
passwords were printed in a terminal; the next demo enables them again.

A demo user is known by its `DemoUser` row, not by its name: an operator may have a user "demo", and
the password or token of a demo user who was renamed may still be known to others. To keep a login,
create another user with `createsuperuser` or by registering.
"""

import secrets
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from backend.accounts import tokens
from backend.accounts.models import DemoUser

USERNAME, ADMIN_USERNAME = "demo", "demo-admin"


class DemoRefused(Exception):
    """The demo's users may not be made here. The text is shown to the person at the terminal."""


class DemoLogin(NamedTuple):
    """A username and its password in clear, to be printed once."""

    username: str
    password: str


class DemoLogins(NamedTuple):
    """The demo's user and its admin."""

    user: DemoLogin
    admin: DemoLogin


def ensure_demo_users() -> DemoLogins:
    """Create both users if they are missing, enable them and set new passwords.

    Raises DemoRefused without `DEBUG`, and if another user has one of the names.
    """
    if not settings.DEBUG:
        raise DemoRefused("Demo logins are made with DEBUG only.")
    with transaction.atomic():
        return DemoLogins(_ensure(USERNAME, is_admin=False), _ensure(ADMIN_USERNAME, is_admin=True))


def retire_demo_users() -> int:
    """Disable the demo's users: revoke their tokens and tickets, and so end their calls.

    Returns how many were still enabled. Raises what Django raises if the database is away or not
    migrated.
    """
    with transaction.atomic():
        users = User.objects.filter(pk__in=DemoUser.objects.values("user"))
        for user in users:
            tokens.revoke(user.pk)
        return users.filter(is_active=True).update(is_active=False)


def _ensure(username: str, *, is_admin: bool) -> DemoLogin:
    password = secrets.token_urlsafe(9)
    user, is_new = User.objects.get_or_create(username=username)
    if is_new:
        DemoUser.objects.create(user=user)
    elif not DemoUser.objects.filter(user=user).exists():
        raise DemoRefused(
            f"This database has a user “{username}” who is not the demo's."
            " Use another database: leave DATABASE_URL empty."
        )
    user.is_active = True
    user.is_staff = user.is_superuser = is_admin
    user.set_password(password)
    user.save()
    return DemoLogin(username, password)
