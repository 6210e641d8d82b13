"""The audit log in the admin, read-only for everybody, including superusers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from backend.audit.models import AuditEntry
from backend.bilingual import bilingual
from backend.read_only_admin import ReadOnlyAdmin

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[AuditEntry]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

_KINDS: Mapping[str, str] = {
    "call": bilingual("call", "通話"),
    "session": bilingual("session", "会話"),
    "user": bilingual("user", "ユーザー"),
    "budget": bilingual("budget", "利用枠"),
    "sessions found": bilingual("sessions found", "見つかった会話の数"),
}
_PAGES: Mapping[str, str] = {"session": "admin:conversations_session_change"}
"""The page of a target, by its kind. The names of URLs, because those apps are above this one."""


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin, _ModelAdmin):
    """The list of audited actions, the newest first. Nobody can add, edit or delete one."""

    list_display = ("time", "actor_name", "action", "kind", "target_link", "owner")
    list_filter = ("action", "at")
    fields = ("time", "actor_name", "actor_id", "action", "kind", "target_link", "owner")
    readonly_fields = ("time", "kind", "target_link", "owner")
    search_fields = ("actor_name", "target")
    search_help_text = bilingual("An operator or the id of a target", "操作者または対象のID")
    list_per_page = 50
    show_full_result_count = False
    actions = None

    class Media:
        css = {"all": ("admin.css",)}  # noqa: RUF012 - Django wants a plain dict

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """The rows with the owners' present names, in the same query."""
        owners = get_user_model().objects.filter(pk=OuterRef("owner_id")).values("username")
        return super().get_queryset(request).annotate(owner_name=Subquery(owners))

    @admin.display(description=bilingual("time (UTC)", "日時 (UTC)"), ordering="at")
    def time(self, entry: AuditEntry) -> str:
        """Return the time to the second, because one minute can contain several actions."""
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=bilingual("kind of target", "対象の種類"), ordering="target_type")
    def kind(self, entry: AuditEntry) -> str:
        """Return the kind in words; an unknown one as it is stored."""
        return _KINDS.get(entry.target_type, entry.target_type)

    @admin.display(description=bilingual("target", "対象"), ordering="target")
    def target_link(self, entry: AuditEntry) -> str:
        """Return the target's id, with a link to its page if it has one. It may be gone by now."""
        page = _PAGES.get(entry.target_type)
        if page is None:
            return entry.target
        return format_html('<a href="{}">{}</a>', reverse(page, args=(entry.target,)), entry.target)

    @admin.display(description=bilingual("owner", "所有者"), ordering="owner_name")
    def owner(self, entry: AuditEntry) -> str:
        """Return the owner's username, or the id of an owner who was deleted."""
        name: str | None = getattr(entry, "owner_name", None)
        if name is not None:
            return name
        return "–" if entry.owner_id is None else f"ID {entry.owner_id}"
