"""Deletes a session with undo: hidden at once, deleted for good by a background job an hour later.

A hidden session is left out by `Session.objects`, so it is a 404 and in no list, search, export or
admin page, and no call and no typed answer starts in it. Those that run end at their next heartbeat
(`lifecycle.renew_leases`, `replies.renew_lease`), and what they said is still stored: it is there
again if the session is restored.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from backend.conversations import control
from backend.conversations.models import Session

RESTORABLE_FOR = timedelta(hours=1)
MAX_PURGED = 500
"""Sessions that one run of the job deletes. It runs every five minutes, and a job must be short."""


def hide(session_id: UUID, user_id: int) -> bool:
    """Hide the user's session. Returns False if there is none, or if it is hidden already."""
    is_hidden = bool(
        Session.objects.filter(pk=session_id, user_id=user_id).update(deleted_at=Now())
    )
    if is_hidden:
        control.publish_session(session_id)
    return is_hidden


def restore(session_id: UUID, user_id: int) -> None:
    """Show the user's session again. Does nothing if it is not hidden, or gone for good."""
    Session.with_deleted.filter(pk=session_id, user_id=user_id).update(deleted_at=None)


def purge(hidden_for: timedelta = RESTORABLE_FOR) -> int:
    """Delete for good the sessions that were hidden this long ago or longer. Returns their number.

    Each in a transaction of its own. One that is restored meanwhile is kept.
    """
    expired = Session.with_deleted.filter(deleted_at__lte=Now() - hidden_for)
    purged = 0
    for session_id in list(expired.values_list("pk", flat=True)[:MAX_PURGED]):
        with transaction.atomic():
            session = expired.select_for_update().filter(pk=session_id).first()
            if session is not None:
                session.delete()
                purged += 1
    return purged
