"""The admin's live desk: the calls that run now on all workers, and the end of one.

The list comes from the database, where each worker's heartbeat renews its calls' leases. It
refreshes itself (`static/live_desk/refresh.js`). To end a call takes the permission `end_livecall`,
a confirmation and a POST. The audit row is written first, so that no call is ended without one.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from backend.audit import models as audit
from backend.conversations import control, queries
from backend.conversations.lifecycle import LEASE
from backend.live_desk.models import LiveCall
from backend.live_desk.rows import DeskRow, duration_text, state_of
from backend.live_desk.words import WORDS
from backend.read_only_admin import ReadOnlyAdmin

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[LiveCall]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

MOST_ROWS = 500
"""The longest-running ones are shown; the page says how many there are in all."""

LIST = "admin:live_desk_livecall_changelist"


@admin.register(LiveCall)
class LiveCallAdmin(ReadOnlyAdmin, _ModelAdmin):
    """Two pages: the list, and the confirmation that ends a call."""

    def get_urls(self) -> list[Any]:
        """The list and the confirmation; no page of Django's own for a single row."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="live_desk_livecall_changelist"),
            path("<uuid:call_id>/end/", view(self.end_view), name="live_desk_livecall_end"),
        ]

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whether the user may end calls."""
        user: Any = request.user
        return bool(user.has_perm("live_desk.end_livecall"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list. 403 without the permission to view live calls."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user: Any = request.user
        live = live_calls()
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": WORDS["title"],
            "words": WORDS,
            "rows": rows_of(list(live[:MOST_ROWS]), timezone.now()),
            "total": live.count(),
            "may_end": self.has_end_permission(request),
            "may_read": user.has_perm("conversations.view_session"),
        }
        return TemplateResponse(request, "live_desk/list.html", context)

    def end_view(self, request: HttpRequest, call_id: UUID) -> HttpResponse:
        """GET asks for a confirmation, POST ends the call. 403 without the permission."""
        if not (self.has_view_permission(request) and self.has_end_permission(request)):
            raise PermissionDenied
        call = live_calls().filter(pk=call_id).first()
        if call is None:
            messages.info(request, WORDS["is_over"])
            return HttpResponseRedirect(reverse(LIST))
        if request.method == "POST":
            is_open = end_call(request, call)
            messages.info(request, WORDS["end_requested" if is_open else "is_over"])
            return HttpResponseRedirect(reverse(LIST))
        context = {
            **self.admin_site.each_context(request),
            "title": WORDS["end_title"],
            "words": WORDS,
            "row": rows_of([call], timezone.now())[0],
        }
        return TemplateResponse(request, "live_desk/end.html", context)


def live_calls() -> QuerySet[LiveCall]:
    """The open calls whose worker's lease has not expired, with their users; the longest first."""
    live = LiveCall.objects.filter(queries.LIVE).select_related("session__user")
    return live.order_by("started_at", "pk")


def end_call(request: HttpRequest, call: LiveCall) -> bool:
    """Write the audit row, then ask the call's worker to end it. Returns False if it has ended."""
    audit.record(
        request.user, audit.Action.CALL_ENDED, "call", call.pk, owner_id=call.session.user_id
    )
    return control.request_end(call.pk)


def rows_of(calls: list[LiveCall], now: datetime) -> list[DeskRow]:
    """The rows of these calls, whose sessions and users were read with them."""
    return [
        DeskRow(
            call_id=str(call.pk),
            session_id=str(call.session_id),
            username=call.session.user.get_username(),
            started_at=call.started_at,
            duration=duration_text(now - call.started_at),
            state=state_of(
                call.lease_until - LEASE, now, is_end_requested=bool(call.requested_ending)
            ),
            model=call.model,
            transport=""
            if call.transport == LiveCall.Transport.RELAY
            else call.get_transport_display(),
            worker=call.worker,
        )
        for call in calls
    ]
