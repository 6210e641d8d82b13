"""Usernames: normalised before they are stored, compared or rate limited; which are free."""

from django.contrib.auth.models import User


def normalised_username(typed: str) -> str:
    """Return the name in NFKC without surrounding white space: 「ﾀﾛｳ」 and 「タロウ」 are the same.

    The result can be longer than `typed`, so check lengths after normalising.
    """
    return User.normalize_username(typed).strip()


def check_new_username(name: str) -> None:
    """Check that a new user may have this normalised name.

    Raises ValidationError with Django's sentence for one that is malformed, and UsernameTaken.
    """
    user = User(username=name)
    user.username_validator(user.username)
    if User.objects.filter(username__iexact=name).exists():
        raise UsernameTaken


class UsernameTaken(Exception):
    """Somebody has this name, in whatever case."""
