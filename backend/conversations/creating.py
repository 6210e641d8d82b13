"""Creates a session."""

from collections.abc import Callable
from typing import Literal

from backend.configured_providers import default_provider, provider_named
from backend.conversations.models import Session
from backend.database import atomic

Reserve = Callable[[int], float | None]
"""Returns None if the user may create a session, and keeps that place until the transaction ends;
else the seconds until they may (`spending.reservations.reserve_session`)."""


class TooManySessions(Exception):
    """The user has created as many sessions as they may. `retry_after_s` is when they may again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


def create_session(
    user_id: int,
    *,
    language: Literal["ja", "en"],
    title: str = "",
    voice: str = "",
    provider: str = "",
    reserve: Reserve = lambda _: None,
) -> Session:
    """Create a session of this user, with this configured provider, else the default one.

    If its model has been retired, the successor is used (`retirement`). Raises TooManySessions if
    `reserve` does not allow it.
    """
    chosen = provider_named(provider) if provider else default_provider()
    with atomic():
        if (retry_after_s := reserve(user_id)) is not None:
            raise TooManySessions(retry_after_s)
        return Session.objects.create(
            user_id=user_id,
            title=title,
            title_source=Session.TitleSource.of_given(title),
            voice=voice,
            language=language,
            provider=chosen.name,
            model=chosen.realtime_model,
        )
