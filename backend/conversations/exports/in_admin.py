"""Exports in the admin: one session from its page, many from the list as a ZIP archive."""

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from backend.conversations.exports.archive import export_archive
from backend.conversations.exports.export_session import FORMATS, Format, export_session
from backend.conversations.exports.response import ExportResponse
from backend.conversations.models import Session

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


class ExportsInAdmin(_ModelAdmin):
    """A mixin for the admin of sessions. Who may view a session may export it."""

    change_form_template = "conversations/admin/session_form.html"

    def get_urls(self) -> list[Any]:
        """The admin's own URLs and that of a session's export."""
        export: URLPattern = path(
            "<uuid:session_id>/export/<str:format_name>/",
            self.admin_site.admin_view(self.export_one),
            name="conversations_session_export",
        )
        # Before the others, whose last pattern matches everything.
        return [export, *super().get_urls()]

    def export_one(
        self, request: HttpRequest, session_id: UUID, format_name: str
    ) -> HttpResponseBase:
        """The session as a file. 404 for an unknown session or format, 403 without permission."""
        session = self.get_queryset(request).filter(pk=session_id).first()
        if not self.has_view_permission(request, session):
            raise PermissionDenied
        if session is None or format_name not in FORMATS:
            raise Http404
        return ExportResponse(export_session(session, format_name))  # type: ignore[arg-type]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The other actions and one for each format."""
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_view_permission(request):
            for each in FORMATS.values():
                action = partial(_export_many, each)
                name = f"export_{each.name}"
                actions[name] = (action, name, f"Export as {each.label} (ZIP)")
        return actions

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The page of a session, with the formats for its buttons."""
        context["export_formats"] = list(FORMATS.values())
        return super().render_change_form(request, context, *args, **kwargs)


def _export_many(
    chosen: Format, model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> HttpResponseBase:
    """The chosen sessions as a ZIP archive, in the order of the list."""
    return ExportResponse(export_archive(list(sessions.values_list("pk", flat=True)), chosen.name))
