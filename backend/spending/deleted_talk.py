"""Keeps the minutes of deleted calls, which still count that day (`models.DeletedTalk`)."""

from datetime import timedelta
from typing import Any

from django.db.models import Model, QuerySet
from django.utils import timezone

from backend.conversations.models import Call, Session
from backend.spending.models import DeletedTalk

KEPT_FOR = timedelta(days=2)
"""Longer than the longest day, in any time zone."""


def keep_talk_of_deleted_call(
    sender: type[Call], instance: Call, origin: object = None, **kwargs: Any
) -> None:
    """Handle `pre_delete` of a call: store its times if they can still count.

    Nothing is stored if its user is being deleted, because no budget counts them any more.
    """
    if _is_of_user(origin):
        return
    now = timezone.now()
    ended_at = instance.ended_at or now
    if ended_at < now - KEPT_FOR:
        return
    owner = Session.with_deleted.filter(pk=instance.session_id).values_list("user_id", flat=True)
    user_id = owner.first()
    if user_id is None:
        return
    DeletedTalk.objects.filter(ended_at__lt=now - KEPT_FOR).delete()
    DeletedTalk.objects.create(user_id=user_id, started_at=instance.started_at, ended_at=ended_at)


def forget_talk_of_deleted_user(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    """Receive `post_delete` of a user: nobody is left to count their talk for."""
    DeletedTalk.objects.filter(user_id=instance.pk).delete()


def _is_of_user(origin: object) -> bool:
    """Return True if the deletion began at a user: at anything but a session or a call."""
    model = origin.model if isinstance(origin, QuerySet) else type(origin)
    return isinstance(model, type) and issubclass(model, Model) and model not in (Session, Call)
