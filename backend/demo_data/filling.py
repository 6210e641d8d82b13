"""Fills a database with the demo data, in batches. A second run replaces what the first has made.

Only the sessions of the dozen demo people are deleted and made again; those of the login "demo" of
`make run`, and of everybody else, stay.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import import_module
from random import Random
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction

from backend.accounts.demo import DemoRefused
from backend.accounts.models import DemoUser
from backend.conversations.models import Call, Reply, Session, Turn, Usage
from backend.demo_data.draft import SessionRows
from backend.demo_data.people import PEOPLE, ensure_people
from backend.demo_data.proportions import Decks
from backend.demo_data.rhythm import DAYS
from backend.demo_data.session_rows import make_session
from backend.demo_data.talk import Persona

MAX_BATCH = 250
"""Sessions that are made and written at a time: about 5,000 turns in memory."""
ROWS_PER_INSERT = 2000

Say = Callable[[str], None]


def check_debug() -> None:
    """Raise DemoRefused without `DEBUG`."""
    if not settings.DEBUG:
        raise DemoRefused("Demo data are written with DEBUG only.")


def check_users(*, is_confirmed: bool) -> None:
    """Raise DemoRefused if the database has users who are not the demo's, unless confirmed."""
    others = User.objects.exclude(pk__in=DemoUser.objects.values("user")).count()
    if others and not is_confirmed:
        raise DemoRefused(
            f"This database has {others} users who are not the demo's. Their conversations would"
            " stay as they are. Add --yes to write the demo data beside them."
        )


def fill(persona: Persona, *, sessions: int, seed: int, now: datetime, say: Say) -> None:
    """Write this many sessions, in place of those of an earlier run.

    The same seed and `now` make the same rows. `say` prints the progress. Raises DemoRefused if
    somebody else has the name of one of the people.
    """
    with transaction.atomic():
        user_ids = ensure_people(now - timedelta(days=DAYS + 1))
    _delete_earlier(list(user_ids.values()), say)
    batch = max(1, min(MAX_BATCH, sessions // 4))
    made = _sessions(persona, user_ids, sessions, Random(seed), now)
    for first in range(0, sessions, batch):
        _write([next(made) for _ in range(first, min(first + batch, sessions))])
        say(f"{min(first + batch, sessions)} of {sessions} sessions written")
    _roll_up_days(list(user_ids.values()), say)


def _sessions(
    persona: Persona, user_ids: dict[str, int], count: int, dice: Random, now: datetime
) -> Iterator[SessionRows]:
    decks = Decks(dice)
    for _ in range(count):
        person = dice.choice(PEOPLE)
        yield make_session(person, user_ids[person.username], now, decks, persona, dice)


def _write(batch: list[SessionRows]) -> None:
    """Store these sessions in one transaction."""
    tables: tuple[tuple[models.Manager[Any], list[Any]], ...] = (
        (Session.with_deleted, [rows.session for rows in batch]),
        (Call.objects, [row for rows in batch for row in rows.calls]),
        (Reply.objects, [row for rows in batch for row in rows.replies]),
        (Turn.objects, [row for rows in batch for row in rows.turns]),
        (Usage.objects, [row for rows in batch for row in rows.usages]),
    )
    with transaction.atomic():
        for manager, rows in tables:
            manager.bulk_create(rows, batch_size=ROWS_PER_INSERT)


def _delete_earlier(user_ids: list[int], say: Say) -> None:
    """Delete what an earlier run has made for these users, in batches."""
    sessions = Session.with_deleted.filter(user__in=user_ids)
    ids = list(sessions.values_list("pk", flat=True))
    for first in range(0, len(ids), MAX_BATCH):
        some = ids[first : first + MAX_BATCH]
        with transaction.atomic():
            Usage.objects.filter(session__in=some).delete()
            Session.with_deleted.filter(pk__in=some).delete()
    # Of sessions that were deleted since.
    Usage.objects.filter(user__in=user_ids).delete()
    if ids:
        say(f"{len(ids)} sessions of an earlier run deleted")


def _roll_up_days(user_ids: list[int], say: Say) -> None:
    """Have the charts' daily figures computed again, if the app that has them is installed."""
    if not apps.is_installed("backend.reports"):
        return
    reports = import_module("backend.reports.models")
    with transaction.atomic():
        # Figures outlive their calls, so those of an earlier run would be counted too.
        reports.CallFigures.objects.filter(user__in=user_ids).delete()
        reports.DailyFigures.objects.filter(user__in=user_ids).delete()
        # Without progress a run computes all days.
        reports.RollUpProgress.objects.all().delete()
    import_module("backend.reports.roll_up").roll_up(lambda: False)
    say("The charts' daily figures are computed")
