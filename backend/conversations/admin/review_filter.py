"""The filter of the admin's list of sessions by their reviews."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from backend.bilingual import bilingual
from backend.conversations.admin.filters import Choices
from backend.conversations.models import ReviewNote, Session


class ReviewFilter(Choices):
    """Filters for sessions that were reviewed: by somebody, by nobody, by the user themselves."""

    title = bilingual("review", "レビュー")
    parameter_name = "reviewed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three choices, and a fourth: what the user has not reviewed yet."""
        return [
            ("yes", bilingual("reviewed", "レビュー済み")),
            ("no", bilingual("not reviewed", "未レビュー")),
            ("me", bilingual("reviewed by me", "自分がレビュー済み")),
            ("not_me", bilingual("not reviewed by me", "自分は未レビュー")),
        ]

    def chosen(
        self, request: HttpRequest, sessions: QuerySet[Session], value: str
    ) -> QuerySet[Session]:
        """The sessions that match."""
        notes = ReviewNote.objects.filter(session=OuterRef("pk"))
        own = notes.filter(reviewer_id=request.user.pk)
        conditions = {
            "yes": Exists(notes), "no": ~Exists(notes), "me": Exists(own), "not_me": ~Exists(own),
        }  # fmt: skip
        return sessions.filter(conditions[value])
