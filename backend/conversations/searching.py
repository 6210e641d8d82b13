"""Searches sessions for words in their titles and turns."""

from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from backend.conversations.models import Turn

MAX_SEARCH_CHARACTERS = 100
MAX_WORDS = 8
"""Each word costs a scan of the user's turns. All text after the seventh word is searched as one
phrase."""

Row = TypeVar("Row", bound=Model)


def matching(sessions: QuerySet[Row], search: str) -> QuerySet[Row]:
    """Return the sessions in which each word of `search` occurs in the title or in a turn.

    A blank `search` matches all sessions. A word also matches within a longer word, because
    Japanese has no spaces between words; `%` and `_` are ordinary characters. Case is ignored (by
    SQLite for ASCII letters only). Text that was generated but not heard is searched too.
    """
    for word in search.split(maxsplit=MAX_WORDS - 1):
        turns = Turn.objects.filter(session=OuterRef("pk"), text__icontains=word)
        sessions = sessions.filter(Q(title__icontains=word) | Exists(turns))
    return sessions
