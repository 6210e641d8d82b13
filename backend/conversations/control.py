"""Control messages: end a call in whichever server process it runs.

The database row decides; a message only makes the other process read it sooner. A request is
written to the row, where the call's process reads it within half a second (`calls_to_end`), also
without Redis. What changes another row, such as a logout, is read at the process's heartbeat
(`lifecycle.renew_leases`). With Redis the ids of the calls that have changed are published as well,
and the process that holds one of them reads its rows at once. So a message that is lost, repeated,
late or forged does no harm.

| change | published by |
|---|---|
| an operator ends a call | `request_end` |
| another process takes the session over | `request_take_over`, `lifecycle.open_call` |
| a session is closed | `publish_session` |
| a login ends; a user is disabled; a user or a session is deleted | the signals below |
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_save, pre_delete
from rest_framework.authtoken.models import Token

from backend.conversations.models import Call, Session
from backend.conversations.process_liveness import is_dead
from backend.conversations.queries import LIVE
from backend.conversations.written_files import WrittenFiles
from backend.database import (
    among_uuids,
    last_write,
    rows_of,
    this_connection,
    uuid_of,
)
from backend.protocol.endings import Ending
from backend.redis_client import RedisAway, shared_redis

CHANNEL = "kaiwa.control"

_OPEN = Q(ended_at__isnull=True)


def request_end(call_id: UUID, ending: Ending = Ending.COMPLETED) -> bool:
    """Request that a call ends, wherever it runs. Returns False if it has ended or is unknown.

    The call ends within a second.
    """
    is_open = Call.objects.filter(_OPEN, pk=call_id).update(requested_ending=ending) > 0
    if is_open:
        _publish_on_commit([call_id])
    return is_open


def request_take_over(
    session_id: UUID, user_id: int, check: Callable[[], None] = lambda: None
) -> bool:
    """Request that the live call of the user's session ends, because a newer one is coming.

    `check` is called before, if there is such a call: it raises if the newer one cannot open.

    Returns whether there is one. Then it is worth waiting for its end, unless its process is known
    to be dead.
    """
    live = Call.objects.filter(LIVE, session_id=session_id, session__user_id=user_id)
    workers = dict(live.values_list("pk", "worker"))
    call_ids = [call_id for call_id, worker in workers.items() if not is_dead(worker)]
    if not call_ids:
        return False
    check()
    Call.objects.filter(_OPEN, pk__in=call_ids).update(requested_ending=Ending.TAKEN_OVER)
    publish(call_ids)
    return True


def calls_to_end(call_ids: Iterable[UUID]) -> list[UUID]:
    """Return those of these calls that another process has ended, or requested to end."""
    ids = list(call_ids)
    if not ids:
        return []
    # Every process with calls asks twice a second: the ORM takes ten times as long with 200 ids.
    among, given = among_uuids(ids)
    sql = (
        f"SELECT id FROM {Call._meta.db_table} WHERE id {among}"
        " AND (ended_at IS NOT NULL OR requested_ending <> '')"
    )
    return [uuid_of(stored) for (stored,) in rows_of(sql, (given,))]


class Poll:
    """Asks for the calls to end again and again, always on the same thread.

    On SQLite the query is skipped while no other connection has written since the last one
    (`last_write`, a tenth of the query's time), and the thread hop while the database's files have
    not changed (`may_find`).
    """

    def __init__(self) -> None:
        self._nothing_found: tuple[Sequence[UUID], object] | None = None
        """The calls for which nothing was found, and `last_write` before."""
        self._files: WrittenFiles | None = None
        """Of a database whose files say whether it was written to."""
        self._files_before: object = None
        """The state of its files before nothing was found; None if that says nothing."""

    def may_find(self, call_ids: Sequence[UUID]) -> bool:
        """Whether `calls_to_end` may find any of these. Waits for nothing: for the event loop.

        A commit whose process stands still in the midst of it, or waits for a slow disk, may be
        missed until the next one. The heartbeat reads the rows itself, every 5 s.
        """
        before, nothing_found = self._files_before, self._nothing_found
        if before is None or self._files is None or nothing_found is None:
            return True
        return nothing_found[0] != call_ids or self._files.state() != before

    def calls_to_end(self, call_ids: Sequence[UUID]) -> list[UUID]:
        """As `calls_to_end`; what this thread has written itself does not count."""
        self._files = self._files or _files_of_database()
        files = self._files and self._files.state()
        written = last_write()
        if written is None or self._nothing_found != (call_ids, written):
            if found := calls_to_end(call_ids):
                self._nothing_found = self._files_before = None
                return found
            self._nothing_found = call_ids, written
        self._files_before = files
        return []


def _files_of_database() -> WrittenFiles | None:
    connection = this_connection()
    if connection.vendor != "sqlite":
        return None
    return WrittenFiles(str(connection.settings_dict["NAME"]))


def publish(call_ids: Iterable[UUID]) -> bool:
    """Publish that the rows of these calls have changed. Returns whether a process received it."""
    shared, ids = shared_redis(), [str(call_id) for call_id in call_ids]
    if shared is None or not ids:
        return False
    try:
        return shared.run(lambda client: int(client.publish(CHANNEL, json.dumps(ids)))) > 0
    except RedisAway:
        return False


def publish_session(session_id: UUID) -> None:
    """Publish, at the commit, that this session was closed."""
    _publish_open_calls(Q(session_id=session_id))


def call_ids_in(message: bytes) -> list[UUID]:
    """The ids in a message of the channel; none if it is not one of ours."""
    try:
        return [UUID(each) for each in json.loads(message)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return []


def connect_signals() -> None:
    """Publish also what other code changes: the admin, a cascade, the demo's users."""
    pre_delete.connect(_before_logout, sender=Token)
    pre_delete.connect(_before_session_deleted, sender=Session)
    post_save.connect(_after_user_saved, sender=User)


def _before_logout(instance: Token, **_: Any) -> None:
    _publish_open_calls(Q(session__user_id=instance.user_id))


def _before_session_deleted(instance: Session, **_: Any) -> None:
    _publish_open_calls(Q(session_id=instance.pk))


def _after_user_saved(instance: User, **_: Any) -> None:
    if not instance.is_active:
        _publish_open_calls(Q(session__user_id=instance.pk))


def _publish_open_calls(which: Q) -> None:
    """Publish these calls at the commit. Their rows may be gone by then, so they are read now."""
    if shared_redis() is not None:
        _publish_on_commit(list(Call.objects.filter(_OPEN, which).values_list("pk", flat=True)))


def _publish_on_commit(call_ids: list[UUID]) -> None:
    transaction.on_commit(lambda: publish(call_ids))
