"""The ephemeral keys in the admin, read-only for everybody, including superusers."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils import timezone

from backend.bilingual import bilingual
from backend.direct.models import EphemeralKey
from backend.read_only_admin import ReadOnlyAdmin

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[EphemeralKey]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


@admin.register(EphemeralKey)
class EphemeralKeyAdmin(ReadOnlyAdmin, _ModelAdmin):
    """The list of keys, the newest first: who was given one, for what, and until when."""

    list_display = ("created", "user", "provider", "model", "voice", "expires", "is_valid")
    list_filter = ("created_at", "provider", "model")
    list_select_related = ("user",)
    fields = ("user", "created", "expires", "is_valid", "provider", "model", "voice")
    readonly_fields = fields
    search_fields = ("user__username",)
    list_per_page = 50
    show_full_result_count = False
    actions = None

    @admin.display(description=bilingual("created (UTC)", "作成日時 (UTC)"), ordering="created_at")
    def created(self, key: EphemeralKey) -> str:
        """Return the time to the second, because a page that reconnects takes several a minute."""
        return f"{key.created_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=bilingual("expires (UTC)", "有効期限 (UTC)"), ordering="expires_at")
    def expires(self, key: EphemeralKey) -> str:
        """Return the time until which the key opens sessions, to the second."""
        return f"{key.expires_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=bilingual("valid", "有効"), boolean=True)
    def is_valid(self, key: EphemeralKey) -> bool:
        """Return whether the key still opens sessions; those that are open outlive it."""
        return key.expires_at > timezone.now()
