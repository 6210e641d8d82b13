"""Budgets: how much of the provider's time and money each user may use."""

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete, pre_delete

from backend.bilingual import bilingual


class SpendingConfig(AppConfig):
    name = "backend.spending"
    verbose_name = bilingual("Spending", "利用の管理")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals of deletions.

        Keep the minutes of calls that are deleted, until their users are; record the budgets that
        are deleted with their user or group.
        """
        # Models cannot be imported before the apps are loaded.
        from backend.spending.budget_audit import record_deletion_with_target  # noqa: PLC0415
        from backend.spending.deleted_talk import (  # noqa: PLC0415
            forget_talk_of_deleted_user,
            keep_talk_of_deleted_call,
        )

        pre_delete.connect(
            keep_talk_of_deleted_call,
            sender="conversations.Call",
            dispatch_uid="spending.remember_talk",
        )
        post_delete.connect(
            forget_talk_of_deleted_user,
            sender=settings.AUTH_USER_MODEL,
            dispatch_uid="spending.forget_talk",
        )
        pre_delete.connect(
            record_deletion_with_target,
            sender="spending.Budget",
            dispatch_uid="spending.record_deletion",
        )
