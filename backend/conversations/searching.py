"""Searches sessions for words in their titles and turns: the users' search and the admin's."""

from typing import TypeVar

from django.contrib.auth.models import User
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull

from backend.conversations.folding import folded, spellings
from backend.conversations.models import Turn

MAX_SEARCH_CHARACTERS = 100
MAX_WORDS = 8
"""Each word costs a scan of the turns. What follows the seventh word is searched as one phrase."""

FEW_TURNS = 500
"""A word that is in no more turns is rare: its sessions are looked up first."""

Row = TypeVar("Row", bound=Model)


def words_of(search: str) -> list[str]:
    """The words of a search. Spaces of both widths part them."""
    return search.split(maxsplit=MAX_WORDS - 1)


def has_word(word: str) -> Q:
    """The condition for a turn in which this word occurs."""
    return Q(search_text__contains=folded(word))


def single_characters(search: str) -> int:
    """The number of a search's words that are one character: each occurs in almost every turn."""
    return sum(len(folded(word)) == 1 for word in words_of(search))


def matching(
    sessions: QuerySet[Row], turns: QuerySet[Turn], search: str, *, in_usernames: bool = False
) -> QuerySet[Row]:
    """Return the sessions in which each word of `search` occurs in the title or in a turn.

    `turns` are those to search: the turns of these sessions. With `in_usernames` a word may also
    occur in the username of the session's user.

    A blank `search` matches all sessions. A word also matches within a longer word, because
    Japanese has no spaces between words. `%`, `_` and `*` are ordinary characters. Case, width and
    the two kinds of kana make no difference; in usernames only as far as `spellings` of the word
    go, and SQLite ignores the case of ASCII letters only. Text that was generated but not heard is
    searched too.

    Up to the first rare word, a query for each word finds out how common it is. Of a rare word the
    sessions are looked up at once: on PostgreSQL by the index of trigrams. For the others the turns
    of one session after another are read, up to the first that matches, and up to the query's
    limit. A common word looked up by the index took 90 ms of processor time in 100,000 turns; read
    in this order, the newest 501 sessions with it take 15 ms.
    """
    is_narrowed = False
    # The longest, which is usually the rarest, first.
    for word in sorted(words_of(search), key=len, reverse=True):
        in_name = Q(search_title__contains=folded(word))
        if in_usernames:
            in_name |= Q(user__in=_users_called(word))
        rare = None if is_narrowed else _sessions_of_rare(turns, word)
        is_narrowed = is_narrowed or rare is not None
        sessions = sessions.filter(in_name | (_in_a_turn(word) if rare is None else rare))
    return sessions


def _users_called(word: str) -> QuerySet[User]:
    """The users in whose name this word occurs."""
    condition = Q()
    for spelling in spellings(word):
        condition |= Q(username__icontains=spelling)
    return User.objects.filter(condition).order_by()


def _sessions_of_rare(turns: QuerySet[Turn], word: str) -> Q | None:
    """The condition for a session with one of the turns with this word; None if they are many."""
    found = turns.filter(has_word(word)).order_by().values_list("session_id", flat=True)
    session_ids = list(found[: FEW_TURNS + 1])
    return Q(pk__in=set(session_ids)) if len(session_ids) <= FEW_TURNS else None


def _in_a_turn(word: str) -> Q:
    """The condition for a session with this word in a turn, to be tried one session after another.

    PostgreSQL would turn an EXISTS into a look-up of all turns with the word.
    """
    found = Turn.objects.filter(has_word(word), session=OuterRef("pk")).order_by()
    return Q(IsNull(Subquery(found.values("pk")[:1]), False))
