"""Deletes sessions for good that are older than their owner's setting allows.

`KEEP_DAYS` is for everybody; a `RetentionRule` of a group counts instead for its users. A session's
age is counted from its last change. What it cost stays in the ledger (`Usage`). A session with a
live call is kept, and its calls' tapes are deleted with it (`tape_files`).
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from backend.conversations import queries
from backend.conversations.models import RetentionRule, Session

MAX_DELETED = 500
"""Sessions that one run of the job deletes. It runs every five minutes, and a job must be short."""


def delete_expired(limit: int = MAX_DELETED) -> int:
    """Delete at most `limit` expired sessions, each in a transaction of its own.

    Returns how many were deleted. One that changes meanwhile is kept.
    """
    deleted = 0
    for expired in expired_sessions():
        session_ids: list[UUID] = list(expired.values_list("pk", flat=True)[: limit - deleted])
        for session_id in session_ids:
            with transaction.atomic():
                session = expired.select_for_update(of=("self",)).filter(pk=session_id).first()
                if session is not None:
                    session.delete()
                    deleted += 1
    return deleted


def expired_sessions() -> Iterator[QuerySet[Session]]:
    """The expired sessions: those of each group with a rule, then those without a rule."""
    rules = RetentionRule.objects.filter(days__isnull=False).order_by("days")
    for rule in rules:
        if rule.days is not None:
            own = RetentionRule.objects.filter(pk=rule.pk, group__user=OuterRef("user_id"))
            yield _unchanged_for(rule.days).filter(Exists(own))
    if settings.KEEP_DAYS:
        ruled = RetentionRule.objects.filter(group__user=OuterRef("user_id"))
        yield _unchanged_for(settings.KEEP_DAYS).exclude(Exists(ruled))


def _unchanged_for(days: int) -> QuerySet[Session]:
    """The sessions whose last change is this long ago, without those with a live call."""
    old = Session.with_deleted.filter(updated_at__lt=Now() - timedelta(days=days))
    return old.exclude(queries.is_live).order_by("updated_at")
