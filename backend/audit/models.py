"""The audit: one row for each act of an operator on somebody's call or session.

Reading is an act too: each time the admin shows or exports a session, or a search there finds some,
there is a row, also for superusers and for one's own sessions. Who is not recorded does not read:
the pages are refused while the row cannot be stored.

A row is added and then never changed or deleted by this code: `save` of a stored row, `delete` and
their bulk forms raise. (Who may write SQL can still do it: the database's own rights decide that.)
One exception: the name of an operator who is erased as a person (`forget_name`).
It holds names and ids, no words of a conversation. It has no foreign key, so that deleting a user
or a session neither deletes nor changes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone

from backend.bilingual import bilingual

NAME_LENGTH = 150
TARGET_LENGTH = 100
COMMAND_LINE = "manage.py"
"""The operator of an act at a command line."""
BATCH_ROWS = 1000


class AuditReadOnly(Exception):
    """An audit row cannot be changed or deleted."""


class Action(models.TextChoices):
    """What was done. An act that needs a row adds its word here."""

    CALL_ENDED = "call_ended", bilingual("ended a call", "通話を終了")
    PERSON_EXPORTED = "person_exported", bilingual("exported a person's data", "個人データを出力")
    PERSON_ERASED = "person_erased", bilingual("erased a person", "個人データを消去")
    VIEWED = "viewed", bilingual("opened a session", "会話を表示")
    SEARCHED = "searched", bilingual("searched sessions", "会話を検索")
    EXPORTED = "exported", bilingual("exported a session", "会話を書き出し")
    NOTED = "noted", bilingual("reviewed a session", "会話をレビュー")
    NOTE_WITHDRAWN = "note_withdrawn", bilingual("withdrew a review", "レビューを取り消し")
    BUDGET_CHANGED = "budget_changed", bilingual("changed a budget", "利用枠を変更")


def actions() -> list[tuple[str, str]]:
    """Return the choices of `AuditEntry.action`. A function, so that an act needs no migration."""
    return list(Action.choices)


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

    `target` is the id of a row of the kind `target_type`; `owner_id` is the user whose row it is. A
    search has no single target: its kind is `sessions found`, and `target` is their number.
    """

    at = models.DateTimeField(
        bilingual("time", "日時"), default=timezone.now, editable=False, db_index=True
    )
    actor_id = models.BigIntegerField(bilingual("operator's id", "操作者のID"), null=True)
    actor_name = models.CharField(bilingual("operator", "操作者"), max_length=NAME_LENGTH)
    action = models.CharField(bilingual("act", "操作"), max_length=32, choices=actions)
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
        act = self.get_action_display()
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {act} {self.target}"

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


@dataclass(frozen=True, slots=True)
class Target:
    """What one of many acts was done on: a row's id and the user whose row it is."""

    row_id: object
    owner_id: int | None = None


def record(
    actor: AbstractBaseUser | AnonymousUser,
    action: Action,
    target_type: str,
    target: object,
    owner_id: int | None = None,
) -> AuditEntry:
    """Add a row for this act of `actor`. Call it in the transaction of the act itself."""
    entry = _entry(actor, action, target_type, Target(target, owner_id))
    entry.save()
    return entry


def record_many(
    actor: AbstractBaseUser | AnonymousUser,
    action: Action,
    target_type: str,
    targets: Iterable[Target],
) -> None:
    """Add a row for each target, many in one statement, and all or none of them."""
    rows = (_entry(actor, action, target_type, target) for target in targets)
    AuditEntry.objects.bulk_create(rows, batch_size=BATCH_ROWS)


def _entry(
    actor: AbstractBaseUser | AnonymousUser, action: Action, target_type: str, target: Target
) -> AuditEntry:
    return AuditEntry(
        actor_id=actor.pk,
        actor_name=actor.get_username()[:NAME_LENGTH],
        action=action,
        target_type=target_type,
        target=str(target.row_id)[:TARGET_LENGTH],
        owner_id=target.owner_id,
    )


def record_command(
    action: Action, target_type: str, target: object, owner_id: int | None = None
) -> AuditEntry:
    """Add a row for an act of the system's operator at a command line, who has no account here."""
    return AuditEntry.objects.create(
        actor_name=COMMAND_LINE,
        action=action,
        target_type=target_type,
        target=str(target)[:TARGET_LENGTH],
        owner_id=owner_id,
    )


def forget_name(user_id: int) -> None:
    """Remove this user's name from the acts that they did. Their id remains."""
    names: models.QuerySet[AuditEntry] = models.QuerySet(AuditEntry)
    names.filter(actor_id=user_id).update(actor_name="")
