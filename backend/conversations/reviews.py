"""Reviews of sessions: who has reviewed one, when, and with which note. Each writes only their own.

Two reviewers have two rows, so that neither can overwrite the other's note.
"""

from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.utils import timezone

from backend.audit import models as audit
from backend.conversations.models import NOTE_LENGTH, USERNAME_LENGTH, ReviewNote, Session
from backend.database import atomic
from backend.protocol.reading import clean_text

Reviewer = AbstractBaseUser | AnonymousUser


class NoteTooLong(ValueError):
    """The note has more than `NOTE_LENGTH` characters."""


class SessionGone(Exception):
    """The session does not exist, or not any more."""


def review(session_id: UUID, reviewer: Reviewer, note: str) -> ReviewNote:
    """Mark the session as reviewed by this reviewer, now, with this note, and audit it.

    The reviewer's earlier note is replaced. Raises NoteTooLong and SessionGone.
    """
    # Forms send each line break as two characters.
    kept = clean_text(note.replace("\r\n", "\n"), mark="").strip()
    if len(kept) > NOTE_LENGTH:
        raise NoteTooLong
    try:
        with atomic():
            owner_id = _owner_of(session_id)
            row, _ = ReviewNote.objects.update_or_create(
                session_id=session_id,
                reviewer_id=reviewer.pk,
                defaults={
                    "reviewer_name": reviewer.get_username()[:USERNAME_LENGTH],
                    "reviewed_at": timezone.now(),
                    "note": kept,
                },
            )
            audit.record(reviewer, audit.Action.NOTED, "session", session_id, owner_id)
    except IntegrityError:
        # The session was deleted meanwhile: PostgreSQL checks the key at the commit.
        raise SessionGone from None
    return row


def withdraw(session_id: UUID, reviewer: Reviewer) -> bool:
    """Delete this reviewer's own review of the session, and audit it. Returns whether there was
    one. Raises SessionGone.
    """
    with atomic():
        owner_id = _owner_of(session_id)
        deleted, _ = ReviewNote.objects.filter(
            session_id=session_id, reviewer_id=reviewer.pk
        ).delete()
        if deleted:
            audit.record(reviewer, audit.Action.NOTE_WITHDRAWN, "session", session_id, owner_id)
    return bool(deleted)


def _owner_of(session_id: UUID) -> int:
    owner_id = Session.objects.filter(pk=session_id).values_list("user_id", flat=True).first()
    if owner_id is None:
        raise SessionGone
    return owner_id
