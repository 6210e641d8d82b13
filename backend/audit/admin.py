"""The audit log in the admin, read-only for everybody, including superusers."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from backend.audit.models import AuditEntry
from backend.bilingual import bilingual

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[AuditEntry]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


@admin.register(AuditEntry)
class AuditAdmin(_ModelAdmin):
    """The list of audited actions, the newest first. Nobody can add, edit or delete one."""

    list_display = ("time", "actor_name", "action", "target_type", "target", "owner_id")
    list_filter = ("action", "at")
    search_fields = ("actor_name", "target")
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: the code that performs an action adds its row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    @admin.display(description=bilingual("time (UTC)", "日時 (UTC)"), ordering="at")
    def time(self, entry: AuditEntry) -> str:
        """Return the time to the second, because one minute can contain several actions."""
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"
