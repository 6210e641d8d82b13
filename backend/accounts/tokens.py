"""Tokens: REST framework's `authtoken`, one a user, in clear in the database.

A token's row is the login: `logout` deletes it, on every device at once. A call remembers when the
login it was opened under was made, so that another login later does not keep it alive.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from backend.accounts import tickets
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused


def user_of(key: str) -> int:
    """The id of the active user with this token. Raises AdmissionRefused("token_invalid")."""
    found = None
    # A NUL is no part of a key, and PostgreSQL refuses to look for one.
    if key.isascii() and "\0" not in key:
        logins = Token.objects.filter(key=key, user__is_active=True)
        found = logins.values_list("user_id", flat=True).first()
    if found is None:
        raise AdmissionRefused("token_invalid", Ending.UNAUTHENTICATED)
    return found


def key_for(user: User) -> str:
    """The user's token, made at the first login and the same on every device until logout."""
    token, _ = Token.objects.get_or_create(user=user)
    return str(token.key)


def user_id_of(request: Request) -> int:
    """Whose token the request carries. Raises NotAuthenticated, which views ask for beforehand."""
    if request.user.pk is None:
        raise NotAuthenticated
    return request.user.pk


def login_time(user_id: int) -> datetime | None:
    """When the login in force was made; None if there is none."""
    return Token.objects.filter(user_id=user_id).values_list("created", flat=True).first()


def revoke(user_id: int) -> None:
    """End the login on every device, and its tickets. Its calls end at their next heartbeat."""
    with transaction.atomic():
        Token.objects.filter(user_id=user_id).delete()
        tickets.revoke_all(user_id)
