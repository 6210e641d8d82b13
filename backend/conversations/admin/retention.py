"""The admin of how long the conversations of a group's users are kept."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponse

from backend.bilingual import bilingual
from backend.conversations.models import RetentionRule

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[RetentionRule]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin


@admin.register(RetentionRule)
class RetentionRuleAdmin(_ModelAdmin):
    """The groups with a time of their own, and what holds for everybody else."""

    list_display = ("group", "kept_for")
    list_select_related = ("group",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, str] | None = None
    ) -> HttpResponse:
        """The list, whose subtitle says what `KEEP_DAYS` is."""
        others = bilingual("Everybody else", "その他のユーザー") + f": {_days(settings.KEEP_DAYS)}"
        titles = {"title": str(self.opts.verbose_name_plural).capitalize(), "subtitle": others}
        return super().changelist_view(request, {**(extra_context or {}), **titles})

    @admin.display(description=bilingual("kept for", "保存期間"), ordering="days")
    def kept_for(self, rule: RetentionRule) -> str:
        """The days in words."""
        return _days(rule.days or 0)


def _days(days: int) -> str:
    if not days:
        return str(bilingual("for ever", "無期限"))
    return str(bilingual("{days} days", "{days}日")).format(days=days)
