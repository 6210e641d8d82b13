"""The reviews on the admin's page of a session: who reviewed it, and one's own note."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from backend.audit.required import audit_required, refused_unaudited
from backend.conversations import reviews
from backend.conversations.admin.page_words import WORDS
from backend.conversations.models import NOTE_LENGTH, ReviewNote, Session

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


class SessionReviews(_ModelAdmin):
    """The part of the sessions' admin that is about reviews."""

    def get_urls(self) -> list[Any]:
        """The admin's own URLs and the one that a review is posted to."""
        review = path(
            "<uuid:session_id>/review/",
            self.admin_site.admin_view(self.review_view),
            name="conversations_session_review",
        )
        # Before the others, whose last pattern matches everything.
        return [review, *super().get_urls()]

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Whether the user may write a review."""
        user: Any = request.user
        return bool(user.has_perm("conversations.change_reviewnote"))

    @method_decorator(require_POST)
    @refused_unaudited
    def review_view(self, request: HttpRequest, session_id: UUID) -> HttpResponseBase:
        """Save the user's own review, or withdraw it. 403 without permission, 404 for a session
        that does not exist.
        """
        if not (self.has_view_permission(request) and self.has_review_permission(request)):
            raise PermissionDenied
        try:
            with audit_required():
                self._change_review(request, session_id)
        except reviews.SessionGone:
            raise Http404 from None
        page = reverse("admin:conversations_session_change", args=(session_id,))
        # The query has the list's filters.
        query = f"?{request.GET.urlencode()}" if request.GET else ""
        return HttpResponseRedirect(f"{page}{query}#review")

    def _change_review(self, request: HttpRequest, session_id: UUID) -> None:
        if "withdraw" in request.POST:
            reviews.withdraw(session_id, request.user)
            messages.info(request, WORDS["withdrawn"])
            return
        try:
            reviews.review(session_id, request.user, request.POST.get("note", ""))
        except reviews.NoteTooLong:
            messages.error(request, WORDS["note_too_long"].format(number=NOTE_LENGTH))
            return
        messages.success(request, WORDS["marked"])

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The page of a session, with its reviews and the form for one's own."""
        session = kwargs.get("obj")
        if session is not None:
            prefetch_related_objects([session], "review_notes")
            notes = list(session.review_notes.all())
            context |= {
                "words": WORDS,
                "reviews": notes,
                "own_review": own_review(notes, request),
                "may_review": self.has_review_permission(request),
                "note_length": NOTE_LENGTH,
                "note_help": WORDS["note_help"].format(number=NOTE_LENGTH),
            }
        return super().render_change_form(request, context, *args, **kwargs)


def own_review(notes: list[ReviewNote], request: HttpRequest) -> ReviewNote | None:
    """The user's own review among these."""
    return next((note for note in notes if note.reviewer_id == request.user.pk), None)


def reviewed_lines(notes: list[ReviewNote]) -> SafeString:
    """A line for each review, who and when, each with a link to the notes below the transcript."""
    if not notes:
        return format_html("{}", WORDS["not_reviewed"])
    lines = [
        WORDS["reviewed_by"].format(
            name=note.reviewer_name, time=f"{note.reviewed_at:%Y-%m-%d %H:%M}"
        )
        for note in notes
    ]
    return format_html_join(
        "", '<a class="kaiwa-line" href="#review">{}</a>', ((line,) for line in lines)
    )
