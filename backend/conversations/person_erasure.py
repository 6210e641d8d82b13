"""The use case: erase a person. Everything goes but what was spent, which loses the name.

The order: the account is disabled, so that calls and answers end (`revoked`) and nobody logs in;
the calls are waited for; what dead servers have left in their spools is stored, so that it can be
deleted; each session is deleted with its turns, calls, notes and tapes; then the account, with its
tokens, tickets and groups, what it wrote as a reviewer, the admin's log of it and its logins there.
The ledger's rows (`Usage`) remain without user and session. The audit remains with ids, without the
name.

If it stops half way, the account stays disabled, and running it again goes on.

Not reached: backups, the provider's own records, and a spool of a server on another machine that
holds what it could not store yet. Its rows are left out when they are stored, since their session
is gone (`writing`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session as WebSession
from django.db import OperationalError, connection, transaction
from django.db.models import Q

from backend.audit.models import Action, forget_name, record_command
from backend.conversations import spool_replay
from backend.conversations.models import Call, ReviewNote, Session, Turn, Usage
from backend.conversations.queries import LIVE
from backend.conversations.spool import database_tag
from backend.conversations.tape_files import tape_path

CALLS_WITHIN_S = 45.0
"""A call of a disabled user ends at its process's heartbeat, within 5 s; one whose process is dead
when its lease expires, within 30 s."""
POLL_S = 0.5
USAGES_AT_ONCE = 5000


class ErasureRefused(Exception):
    """The person cannot be erased; the text says why, for the operator."""


class StillOnDisk(Exception):
    """The person is erased, but deleted words may be readable in SQLite's file; says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "Erased. But the database was busy, so its file was not rewritten, and deleted words"
            " may still be readable in it. Stop Kaiwa, and run:"
            " echo 'VACUUM;' | python manage.py dbshell"
        )


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is kept of a person."""

    sessions: int
    turns: int
    calls: int
    tapes: int
    usages: int


def belongings_of(user: User) -> Belongings:
    """Count what is kept of this person."""
    calls = Call.objects.filter(session__user=user)
    return Belongings(
        sessions=Session.with_deleted.filter(user=user).count(),
        turns=Turn.objects.filter(session__user=user).count(),
        calls=calls.count(),
        tapes=sum(
            path is not None and path.is_file()
            for path in map(tape_path, calls.values_list("pk", flat=True).iterator())
        ),
        usages=Usage.objects.filter(user=user).count(),
    )


def erase_person(
    user: User,
    sleep: Callable[[float], None],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Erase this person. `on_progress` receives how many sessions are deleted, and of how many.

    Raises ErasureRefused for the only superuser, and if a call does not end within
    `CALLS_WITHIN_S`; the account is then disabled and nothing is deleted. Raises StillOnDisk if
    everything is erased, but SQLite's file could not be rewritten.
    """
    _disable(user)
    _wait_for_calls(user, sleep)
    folder = Path(settings.SPOOL_DIR)
    spool_replay.replay(folder, database_tag(settings.DATABASES["default"]))
    own = Session.with_deleted.filter(user=user)
    session_ids = list(own.values_list("pk", flat=True))
    for number, session in enumerate(own.order_by("created_at").iterator(), 1):
        session.delete()
        on_progress(number, len(session_ids))
    _unname_usages(user)
    with transaction.atomic():
        # Who writes a last row of this person waits for it, and then finds that they are gone.
        # Without the lock such a row would fail the deletion.
        User.objects.select_for_update().filter(pk=user.pk).first()
        _delete_admin_traces(user, [str(session_id) for session_id in session_ids])
        ReviewNote.objects.filter(reviewer=user).delete()
        forget_name(user.pk)
        record_command(Action.PERSON_ERASED, "user", user.pk)
        user.delete()
    _overwrite_free_pages()


def _unname_usages(user: User) -> None:
    """Remove the user from the ledger, in statements that take less than a statement may: 5 s.

    The deletion of the account does the same for what is written meanwhile.
    """
    rows = Usage.objects.filter(user=user).order_by("pk").values_list("pk", flat=True)
    while usage_ids := list(rows[:USAGES_AT_ONCE]):
        Usage.objects.filter(pk__in=usage_ids).update(user=None)


def _disable(user: User) -> None:
    with transaction.atomic():
        others = User.objects.select_for_update().filter(is_superuser=True, is_active=True)
        if user.is_superuser and user.is_active and not others.exclude(pk=user.pk).exists():
            raise ErasureRefused("This is the only superuser. Create another one first.")
        user.is_active = False
        user.save(update_fields=["is_active"])


def _wait_for_calls(user: User, sleep: Callable[[float], None]) -> None:
    waited_s = 0.0
    while Call.objects.filter(LIVE, session__user=user).exists():
        if waited_s >= CALLS_WITHIN_S:
            raise ErasureRefused("A call of this user does not end. Try again in a minute.")
        sleep(POLL_S)
        waited_s += POLL_S


def _delete_admin_traces(user: User, session_ids: list[str]) -> None:
    """Delete the admin's log of the person and the sessions, and the person's admin logins.

    Django's log names its objects: the title of a session, the name of a user.
    """
    types = ContentType.objects.get_for_models(Session, User)
    for batch in _batches(session_ids):
        LogEntry.objects.filter(content_type=types[Session], object_id__in=batch).delete()
    about = Q(content_type=types[User], object_id=str(user.pk))
    LogEntry.objects.filter(about | Q(user=user)).delete()
    for login in WebSession.objects.iterator():
        if login.get_decoded().get("_auth_user_id") == str(user.pk):
            login.delete()


def _batches(values: list[str], size: int = 500) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _overwrite_free_pages() -> None:
    """Rewrite SQLite's file, in which deleted rows stay readable until their pages are used again.

    Writes wait meanwhile: 5.5 s for 400 MB on two busy cores. PostgreSQL's autovacuum reuses such
    pages. Raises StillOnDisk if somebody else reads or writes for too long.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        try:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (is_busy, *_) = cursor.fetchone()
        except OperationalError as error:
            raise StillOnDisk from error
        if is_busy:
            raise StillOnDisk
