"""The one spelling of a username: as it is stored, looked for and counted."""

from django.contrib.auth.models import User


def one_spelling(typed: str) -> str:
    """The name in NFKC and without space around it: 「ﾀﾛｳ」 and 「タロウ」 are the same person.

    It may be longer than what was typed, so its length is judged afterwards.
    """
    return User.normalize_username(typed).strip()
