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
from backend.database import rows_of, time_of
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused


def user_of(key: str) -> int:
    """Return the id of this token's active user. Raises AdmissionRefused("token_invalid")."""
    # PostgreSQL raises an error for a NUL in a parameter.
    if key.isascii() and "\0" not in key:
        for (user_id,) in rows_of(_USER_OF, [key]):
            return int(user_id)
    raise AdmissionRefused("token_invalid", Ending.UNAUTHENTICATED)


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
    for (created,) in rows_of(_CREATED, [user_id]):
        return time_of(created)
    return None


def revoke(user_id: int) -> None:
    """Delete the user's token and tickets. The user's calls end at their next heartbeat."""
    with transaction.atomic():
        Token.objects.filter(user_id=user_id).delete()
        tickets.revoke_all(user_id)


_TOKENS, _USERS = Token._meta.db_table, User._meta.db_table
_USER_OF = (
    f"SELECT logins.user_id FROM {_TOKENS} logins JOIN {_USERS} users ON users.id = logins.user_id"
    " WHERE logins.key = %s AND users.is_active"
)
_CREATED = f"SELECT created FROM {_TOKENS} WHERE user_id = %s"
"""Written out: each call asks for both (`database.rows_of`)."""
