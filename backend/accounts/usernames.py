"""Normalised usernames, as they are stored, compared and rate limited."""

from django.contrib.auth.models import User


def normalised_username(typed: str) -> str:
    """Return the name in NFKC without surrounding white space: 「ﾀﾛｳ」 and 「タロウ」 are the same.

    It can be longer than what was typed, so lengths have to be checked afterwards.
    """
    return User.normalize_username(typed).strip()
