"""Search in sessions: words of a title or of a turn."""

from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from backend.conversations.models import Turn

MAX_SEARCH_CHARACTERS = 100
MAX_WORDS = 8
"""Each word is a scan of the user's turns. What follows the seventh word is searched as one."""

Row = TypeVar("Row", bound=Model)


def matching(sessions: QuerySet[Row], search: str) -> QuerySet[Row]:
    """The sessions in which each word of `search` is in the title or in a turn; all if it is blank.

    A word is found anywhere in a text, because Japanese has no spaces between words; `%` and `_`
    are ordinary characters. Case is ignored (by SQLite for ASCII letters only). The text that was
    generated but not heard is searched too.
    """
    for word in search.split(maxsplit=MAX_WORDS - 1):
        turns = Turn.objects.filter(session=OuterRef("pk"), text__icontains=word)
        sessions = sessions.filter(Q(title__icontains=word) | Exists(turns))
    return sessions
