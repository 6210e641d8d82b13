"""Tokens: REST framework's `authtoken`, one per user, stored in plain text.

All devices of a user share one token; `logout` deletes it. A call stores the creation
time of the token it was opened with, so that a logout ends the call even if the user logs in again.
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
    """Return the id of this token's active user. Raises AdmissionRefused("token_invalid")."""
    found = None
    # PostgreSQL raises an error for a NUL in a parameter.
    if key.isascii() and "\0" not in key:
        logins = Token.objects.filter(key=key, user__is_active=True)
        found = logins.values_list("user_id", flat=True).first()
    if found is None:
        raise AdmissionRefused("token_invalid", Ending.UNAUTHENTICATED)
    return found


def key_for(user: User) -> str:
    """Return the user's token; it is created at the first login and kept until logout."""
    token, _ = Token.objects.get_or_create(user=user)
    return str(token.key)


def user_id_of(request: Request) -> int:
    """Return the id of the request's user. Raises NotAuthenticated if there is none."""
    if request.user.pk is None:
        raise NotAuthenticated
    return request.user.pk


def login_time(user_id: int) -> datetime | None:
    """Return when the user's current token was created; None if there is none."""
    return Token.objects.filter(user_id=user_id).values_list("created", flat=True).first()


def revoke(user_id: int) -> None:
    """Delete the user's token and tickets. The user's calls end at their next heartbeat."""
    with transaction.atomic():
        Token.objects.filter(user_id=user_id).delete()
        tickets.revoke_all(user_id)
