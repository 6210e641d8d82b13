"""Budgets in the admin: what is given to whom, and what of it is used. Every change is audited."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backend.bilingual import bilingual
from backend.conversations.models import Usage
from backend.spending.budget_audit import record_change, record_deletion
from backend.spending.budgets import LimitKind, month_of
from backend.spending.budgets_left import BudgetLeft, left_by_user
from backend.spending.models import Budget

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Budget]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

MOST_USERS = 10
"""How many users of a group's or everybody's budget are shown: those that spent the most."""

_KINDS: Mapping[LimitKind, str] = {
    "money": bilingual("money this month (USD)", "今月の金額（USD）"),
    "minutes": bilingual("minutes today", "今日の通話時間（分）"),
    "calls_at_once": bilingual("calls now", "現在の通話"),
    "calls_per_hour": bilingual("calls in the last hour", "直近1時間の通話"),
}
_HEADINGS = (
    bilingual("user", "ユーザー"),
    bilingual("limit", "種類"),
    bilingual("used", "使用済み"),
    bilingual("reserved", "予約中"),
    bilingual("left", "残り"),
    bilingual("of", "上限"),
)
_PLACES: Mapping[LimitKind, str] = {"money": "0.0001", "minutes": "0.1"}


class BudgetList(ChangeList):
    """The list of budgets, whose rows know what their user has left (`Budget.left_rows`)."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows, and what the users of this page have left."""
        super().get_results(request)
        budgets: list[Budget] = list(self.result_list)
        user_ids = [budget.user_id for budget in budgets if budget.user_id is not None]
        left = left_by_user(user_ids, timezone.now()) if user_ids else {}
        for budget in budgets:
            budget.left_rows = left.get(budget.user_id or 0, ())
        self.result_list = budgets


@admin.register(Budget)
class BudgetAdmin(_ModelAdmin):
    """The list of budgets, and the form of one with what its users have used."""

    list_display = (
        "target",
        "usd_per_month",
        "minutes_per_day",
        "calls_at_once",
        "calls_per_hour",
        "used",
    )
    list_filter = ("scope",)
    list_select_related = ("user", "group")
    search_fields = ("user__username", "group__name")
    autocomplete_fields = ("user", "group")
    readonly_fields = ("used_now",)
    fieldsets = (
        (None, {"fields": ("scope", "group", "user")}),
        (
            bilingual("Limits of each person", "1人あたりの上限"),
            {
                "fields": (
                    "usd_per_month",
                    "minutes_per_day",
                    "calls_at_once",
                    "calls_per_hour",
                ),
                "description": bilingual(
                    "Empty: no limit from this budget. 0: none allowed. Of the settings and all"
                    " budgets that apply to a person the tightest limit counts. A change holds for"
                    " running calls within seconds.",
                    "空欄はこの利用枠による上限なし、0は「一切許可しない」です。"
                    "設定と、その人に当てはまるすべての利用枠のうち、最も厳しい上限が適用されます。"
                    "変更は通話中でも数秒で反映されます。",
                ),
            },
        ),
        (None, {"fields": ("used_now",)}),
    )

    @admin.display(description=bilingual("given to", "対象"), ordering="scope")
    def target(self, budget: Budget) -> str:
        """Return for whom the budget is."""
        return str(budget)

    @admin.display(description=bilingual("used / left", "使用済み / 残り"))
    def used(self, budget: Budget) -> str:
        """Return what one user has used and has left of money and minutes; "-" for many users."""
        shown = [row for row in budget.left_rows if row["kind"] in _PLACES]
        texts = [
            f"{_KINDS[row['kind']]}: {_text(row, 'used')} / {_text(row, 'left')}" for row in shown
        ]
        return "; ".join(texts) or "-"

    @admin.display(description=bilingual("used now", "使用状況"))
    def used_now(self, budget: Budget) -> SafeString | str:
        """Return a table of what the budget's users have used; of many, who spent the most."""
        user_ids = _users_of(budget)
        users = User.objects.in_bulk(user_ids)
        left = left_by_user(user_ids, timezone.now())
        rows = [
            (
                user.username,
                _KINDS[row["kind"]],
                _text(row, "used"),
                _text(row, "reserved"),
                _text(row, "left"),
                _text(row, "limit"),
            )
            for user_id in user_ids
            if (user := users.get(user_id)) is not None
            for row in left[user_id]
        ]
        if not rows:
            return bilingual("Nobody has used anything yet.", "まだ使用はありません。")
        head = format_html_join("", "<th scope=col>{}</th>", ((name,) for name in _HEADINGS))
        cells = "<tr>" + "<td>{}</td>" * len(_HEADINGS) + "</tr>"
        body = format_html_join("", cells, rows)
        return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that reads what the users have left in a few queries for all rows."""
        return BudgetList

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        """Store the budget and its audit row, in the admin's one transaction."""
        super().save_model(request, obj, form, change)
        if not change or form.changed_data:
            record_change(request.user, obj)

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        """Delete the budget, after its audit row."""
        record_deletion(request.user, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        """Delete the chosen budgets, after an audit row for each."""
        with transaction.atomic():
            for budget in queryset:
                record_deletion(request.user, budget)
            super().delete_queryset(request, queryset)


def _users_of(budget: Budget) -> list[int]:
    """The budget's user; of a group and of everybody, those that spent the most this month."""
    if budget.user_id is not None:
        return [budget.user_id]
    if budget.pk is None:
        return []
    month = month_of(timezone.now(), timezone.get_default_timezone())
    used = Usage.objects.filter(created_at__gte=month.start, user__isnull=False)
    if budget.group_id is not None:
        used = used.filter(user__groups=budget.group_id)
    by_user = used.order_by().values_list("user_id").annotate(usd=Sum("cost_usd"))
    most = by_user.order_by(F("usd").desc(nulls_last=True))[:MOST_USERS]
    return [user_id for user_id, _ in most if user_id is not None]


def _text(row: BudgetLeft, name: Literal["limit", "used", "reserved", "left"]) -> str:
    """The amount, rounded as its kind is shown."""
    return f"{row[name].quantize(Decimal(_PLACES.get(row['kind'], '1'))):f}"
