"""Normalises usernames before they are stored, compared or rate limited."""

from django.contrib.auth.models import User


def normalised_username(typed: str) -> str:
    """Return the name in NFKC without surrounding white space: 「ﾀﾛｳ」 and 「タロウ」 are the same.

    The result can be longer than `typed`, so check lengths after normalising.
    """
    return User.normalize_username(typed).strip()
