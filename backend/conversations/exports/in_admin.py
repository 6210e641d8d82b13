"""Exports in the admin: one session from its page, many from the list as a ZIP archive."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from backend.audit import models as audit
from backend.audit.required import audit_required
from backend.bilingual import bilingual
from backend.conversations.exports.archive import export_archive
from backend.conversations.exports.export_session import FORMATS, Format, export_session
from backend.conversations.exports.response import ExportResponse
from backend.conversations.models import Session

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


MOST_EXPORTED = 1000
"""So many of 20 turns take 6 s of processor time. The browser shows how many bytes have come."""

TOO_MANY = bilingual(
    "Nothing was exported: more than {most} sessions are selected. Please filter the list, by month"
    " for example, and export it in parts.",
    "選択した会話が{most}件を超えているため、書き出しませんでした。"
    "月などで絞り込み、分けて書き出してください。",
)


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
        _record_exports(request, [(session.pk, session.user_id)])
        return ExportResponse(export_session(session, format_name))  # type: ignore[arg-type]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The other actions and one for each format."""
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_view_permission(request):
            for each in FORMATS.values():
                action = partial(_export_many, each)
                name = f"export_{each.name}"
                text = bilingual(f"Export as {each.label} (ZIP)", f"{each.label}で書き出し (ZIP)")
                actions[name] = (action, name, text)
        return actions

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The page of a session, with the formats for its buttons."""
        context["export_formats"] = [
            {
                "name": each.name,
                "text": bilingual(f"Export {each.label}", f"{each.label}で書き出し"),
            }
            for each in FORMATS.values()
        ]
        return super().render_change_form(request, context, *args, **kwargs)


def _export_many(
    chosen: Format, model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> HttpResponseBase | None:
    """The chosen sessions as a ZIP archive, in the order of the list. None, which shows the list
    again, and a message if they are too many.
    """
    owners = list(sessions.values_list("pk", "user_id")[: MOST_EXPORTED + 1])
    if len(owners) > MOST_EXPORTED:
        model_admin.message_user(
            request, TOO_MANY.format(most=f"{MOST_EXPORTED:,}"), messages.ERROR
        )
        return None
    _record_exports(request, owners)
    return ExportResponse(export_archive([pk for pk, _ in owners], chosen.name))


def _record_exports(request: HttpRequest, owners: Iterable[tuple[UUID, int]]) -> None:
    """Audit the export of these sessions, before the first byte of it. A row for each session, not
    one with their number: an audit answers who has whose words. 5,000 rows take 0.5 s of a core.
    """
    with audit_required():
        audit.record_many(
            request.user,
            audit.Action.EXPORTED,
            "session",
            (audit.Target(session_id, owner_id) for session_id, owner_id in owners),
        )
