"""The budgets that admins give, and the talk of calls that were deleted today.

What was used is in the rows of `backend.conversations`: `Usage` (money), `Call` (minutes).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from backend.bilingual import bilingual

_NOT_NEGATIVE = MinValueValidator(
    0,
    bilingual(
        "Write 0 or more. 0 allows nothing; leave it empty for no limit.",
        "0以上の値を入力してください。0は「一切許可しない」、空欄は「上限なし」です。",
    ),
)


class Budget(models.Model):
    """What one person may use: given to everybody, to each member of a group, or to one user.

    An empty limit is none; 0 allows nothing. Of all budgets and settings that apply to a person the
    tightest limit of each kind counts (`budgets.tightest`).
    """

    class Scope(models.TextChoices):
        EVERYBODY = "everybody", bilingual("everybody", "全員")
        GROUP = "group", bilingual("each member of a group", "グループの各メンバー")
        USER = "user", bilingual("one user", "ユーザー1人")

    left_rows: Sequence[Any] = ()
    """What the budget's user has left (`budgets_left.BudgetLeft`), for the admin's list."""

    scope = models.CharField(bilingual("given to", "対象"), max_length=16, choices=Scope)
    group = models.OneToOneField(
        Group,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budget",
        verbose_name=bilingual("group", "グループ"),
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budget",
        verbose_name=bilingual("user", "ユーザー"),
    )
    usd_per_month = models.DecimalField(
        bilingual("USD a month", "1か月の金額（USD）"),
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[_NOT_NEGATIVE],
    )
    minutes_per_day = models.IntegerField(
        bilingual("minutes a day", "1日の通話時間（分）"),
        null=True,
        blank=True,
        validators=[_NOT_NEGATIVE],
    )
    calls_at_once = models.IntegerField(
        bilingual("calls at once", "同時通話数"),
        null=True,
        blank=True,
        validators=[_NOT_NEGATIVE],
    )
    calls_per_hour = models.IntegerField(
        bilingual("calls an hour", "1時間の通話回数"),
        null=True,
        blank=True,
        validators=[_NOT_NEGATIVE],
    )

    class Meta:
        ordering = ("scope", "id")
        verbose_name = bilingual("budget", "利用枠")
        verbose_name_plural = bilingual("budgets", "利用枠")
        constraints = (
            models.CheckConstraint(
                condition=Q(scope="everybody", group__isnull=True, user__isnull=True)
                | Q(scope="group", group__isnull=False, user__isnull=True)
                | Q(scope="user", group__isnull=True, user__isnull=False),
                name="budget_scope_has_target",
            ),
            models.UniqueConstraint(
                fields=("scope",), condition=Q(scope="everybody"), name="budget_one_for_everybody"
            ),
            models.CheckConstraint(
                condition=Q(usd_per_month__isnull=True) | Q(usd_per_month__gte=0),
                name="budget_usd_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(minutes_per_day__isnull=True) | Q(minutes_per_day__gte=0),
                name="budget_minutes_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(calls_at_once__isnull=True) | Q(calls_at_once__gte=0),
                name="budget_at_once_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(calls_per_hour__isnull=True) | Q(calls_per_hour__gte=0),
                name="budget_per_hour_not_negative",
            ),
        )

    def __str__(self) -> str:
        target = self.user if self.user_id else self.group
        return f"{self.get_scope_display()}" + (f": {target}" if target is not None else "")

    def clean(self) -> None:
        """Refuse a budget without its target, a second one for everybody, and one without limits.

        Raises ValidationError with a sentence for the field.
        """
        if self.scope not in self.Scope.values:
            return  # The field's own error says so.
        wanted = {self.Scope.GROUP: "group", self.Scope.USER: "user"}.get(self.Scope(self.scope))
        errors = {}
        for name in ("group", "user"):
            is_given = getattr(self, f"{name}_id") is not None
            if is_given != (name == wanted):
                errors[name] = _UNWANTED_TARGET if is_given else _MISSING_TARGET
        another = Budget.objects.filter(scope=self.Scope.EVERYBODY).exclude(pk=self.pk)
        if wanted is None and another.exists():
            errors["scope"] = _SECOND_FOR_EVERYBODY
        if errors:
            raise ValidationError(errors)

    def limits_text(self) -> str:
        """The four limits in one line without a language, for the audit log."""
        limits: tuple[tuple[str, Decimal | int | None], ...] = (
            ("USD/month", self.usd_per_month),
            ("min/day", self.minutes_per_day),
            ("at once", self.calls_at_once),
            ("/hour", self.calls_per_hour),
        )
        return ", ".join(
            f"{amount if amount is not None else '-'} {unit}" for unit, amount in limits
        )


_MISSING_TARGET = bilingual("Choose whom this budget is for.", "対象を選択してください。")
_UNWANTED_TARGET = bilingual(
    "Leave this empty: the budget is given to somebody else.",
    "この対象の利用枠では空欄にしてください。",
)
_SECOND_FOR_EVERYBODY = bilingual(
    "There is a budget for everybody already. Change that one.",
    "全員の利用枠は既にあります。そちらを変更してください。",
)


class DeletedTalk(models.Model):
    """When a call that has been deleted began and ended, so that its minutes still count that day.

    Otherwise a user would have a day's minutes again after deleting the conversations. Kept for two
    days; `user_id` is no foreign key, because a user can be deleted together with the calls.
    """

    user_id = models.BigIntegerField(editable=False)
    started_at = models.DateTimeField(editable=False)
    ended_at = models.DateTimeField(editable=False)

    class Meta:
        indexes = (models.Index(fields=("user_id", "ended_at"), name="deleted_talk_of_user"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id} {self.started_at:%Y-%m-%d %H:%M}"
