"""The two logins of a demo: a person and an admin, with passwords that are new at every start.

They are for development. A server without `DEBUG` shuts them out before it listens, since a
terminal still shows their passwords; the next demo lets them in again.

Whom that concerns is told by a row of `DemoUser`, made together with the user, and not by the name:
an operator may have a user "demo", and a demo user who was renamed, or was given another password,
is still one whose password or token strangers may have seen. Whoever wants to keep one makes a user
of their own, with `createsuperuser` or by registering.
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
    """Known logins do not belong here. The text is for the person at the keyboard."""


class DemoLogin(NamedTuple):
    """A login in clear, to be printed once."""

    username: str
    password: str


class DemoLogins(NamedTuple):
    """Who may talk, and who may read the admin."""

    user: DemoLogin
    admin: DemoLogin


def ensure_demo_users() -> DemoLogins:
    """Make both users where they are missing, and let both in with a new password.

    Raises DemoRefused without `DEBUG`, and where somebody else has one of the names.
    """
    if not settings.DEBUG:
        raise DemoRefused("Demo logins are made with DEBUG only.")
    with transaction.atomic():
        return DemoLogins(_ensure(USERNAME, is_admin=False), _ensure(ADMIN_USERNAME, is_admin=True))


def retire_demo_users() -> int:
    """Shut the demo's users out: no login, token or ticket of theirs works, and their calls end.

    How many could still sign in. Raises what Django raises when the database is away or has no
    tables yet.
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
