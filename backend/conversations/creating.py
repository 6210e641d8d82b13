"""Creates a session."""

from typing import Literal

from django.conf import settings
from django.utils import timezone

from backend import catalogue
from backend.conversations.models import Session


def create_session(
    user_id: int, *, language: Literal["ja", "en"], title: str = "", voice: str = ""
) -> Session:
    """Create a session of this user, with the configured provider and model.

    If the configured model has been retired, its successor is used (`catalogue.resolve`).
    """
    return Session.objects.create(
        user_id=user_id,
        title=title,
        title_source=Session.TitleSource.of_given(title),
        voice=voice,
        language=language,
        provider=settings.REALTIME_PROVIDER,
        model=catalogue.resolve(settings.REALTIME_MODEL, timezone.now().date()),
    )
