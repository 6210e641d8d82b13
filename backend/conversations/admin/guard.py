"""Who may do what with sessions in the admin, and the audit of reading them.

Each page of a session, each search that finds something and each export leaves an audit row: also
of a superuser, and of one's own sessions, because a rule without exceptions can be trusted. A look
that cannot be recorded is refused (503). A row costs one INSERT, in the request of the page.
"""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from backend.audit import models as audit
from backend.audit.required import audit_required, refused_unaudited
from backend.conversations.exports.in_admin import ExportsInAdmin

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList


class GuardedSessions(ExportsInAdmin):
    """The part of the sessions' admin that records who reads, and refuses what is not allowed."""

    @refused_unaudited
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list. 403 for an action that the user may not do; Django would only show a message.

        A search that finds sessions is recorded with their number, and without its words.
        """
        if request.method == "POST" and not self._may_do(request, request.POST.getlist("action")):
            raise PermissionDenied
        response = super().changelist_view(request, extra_context)
        found: ChangeList | None = (getattr(response, "context_data", None) or {}).get("cl")
        if found is not None and found.query.strip() and found.result_count:
            with audit_required():
                audit.record(
                    request.user, audit.Action.SEARCHED, "sessions found", found.result_count
                )
        return response

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether the address of the list may filter by this. Not by titles, which begin with the
        user's words: the search does that, and is recorded.
        """
        return not lookup.startswith("title") and super().lookup_allowed(lookup, value, request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Never: no form refers to a session. Django's autocomplete, which answers for any relation
        to one, would search the words of turns without a record.
        """
        return False

    def _may_do(self, request: HttpRequest, actions: list[str]) -> bool:
        return set(actions) <= {"", *self.get_actions(request)}

    @refused_unaudited
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a session, which `render_change_form` records."""
        return super().change_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The page of a session, once its audit row is stored."""
        session = kwargs.get("obj")
        if session is not None:
            with audit_required():
                audit.record(
                    request.user, audit.Action.VIEWED, "session", session.pk, session.user_id
                )
        return super().render_change_form(request, context, *args, **kwargs)

    @refused_unaudited
    def export_one(
        self, request: HttpRequest, session_id: UUID, format_name: str
    ) -> HttpResponseBase:
        """The export of a session, which records itself."""
        return super().export_one(request, session_id, format_name)
