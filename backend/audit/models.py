"""The audit: one row for each act of an operator on somebody's call or session.

A row is added and then never changed or deleted by this code: `save` of a stored row, `delete` and
their bulk forms raise. (Who may write SQL can still do it: the database's own rights decide that.)
It holds names and ids, no words of a conversation. It has no foreign key, so that deleting a user
or a session neither deletes nor changes it.
"""

from typing import Any, NoReturn

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone

from backend.bilingual import bilingual

NAME_LENGTH = 150
TARGET_LENGTH = 100


class AuditReadOnly(Exception):
    """An audit row cannot be changed or deleted."""


class Action(models.TextChoices):
    """What was done. An act that needs a row adds its word here."""

    CALL_ENDED = "call_ended", bilingual("ended a call", "通話を終了")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Rows can be added and read."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Raise AuditReadOnly."""
        raise AuditReadOnly

    def delete(self) -> NoReturn:
        """Raise AuditReadOnly."""
        raise AuditReadOnly


class AuditEntry(models.Model):
    """One act: who (`actor_id`, and the username at that time), what, on what, when.

    `target` is the id of a row of the kind `target_type`; `owner_id` is the user whose row it is.
    """

    at = models.DateTimeField(
        bilingual("time", "日時"), default=timezone.now, editable=False, db_index=True
    )
    actor_id = models.BigIntegerField(bilingual("operator's id", "操作者のID"), null=True)
    actor_name = models.CharField(bilingual("operator", "操作者"), max_length=NAME_LENGTH)
    action = models.CharField(bilingual("act", "操作"), max_length=32, choices=Action)
    target_type = models.CharField(bilingual("kind of target", "対象の種類"), max_length=32)
    target = models.CharField(bilingual("target", "対象"), max_length=TARGET_LENGTH)
    owner_id = models.BigIntegerField(bilingual("owner's id", "所有者のID"), null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")
        default_permissions = ("view",)
        verbose_name = bilingual("audit entry", "監査ログの項目")
        verbose_name_plural = bilingual("audit entries", "監査ログ")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the row. Raises AuditReadOnly if it is stored already.

        An insert always, so that a new object with a stored row's id raises IntegrityError.
        """
        if not self._state.adding:
            raise AuditReadOnly
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AuditReadOnly."""
        raise AuditReadOnly


def record(
    actor: AbstractBaseUser | AnonymousUser,
    action: Action,
    target_type: str,
    target: object,
    owner_id: int | None = None,
) -> AuditEntry:
    """Add a row for this act of `actor`. Call it in the transaction of the act itself."""
    return AuditEntry.objects.create(
        actor_id=actor.pk,
        actor_name=actor.get_username()[:NAME_LENGTH],
        action=action,
        target_type=target_type,
        target=str(target)[:TARGET_LENGTH],
        owner_id=owner_id,
    )
