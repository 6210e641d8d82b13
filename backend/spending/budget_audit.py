"""The audit rows of budgets: each change and deletion, also one with the budget's user or group."""

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet

from backend.audit import models as audit
from backend.spending.models import Budget


def record_change(actor: AbstractBaseUser | AnonymousUser, budget: Budget) -> None:
    """Add the audit row of a budget that was given or changed: its limits."""
    _record(actor, budget, budget.limits_text())


def record_deletion(actor: AbstractBaseUser | AnonymousUser, budget: Budget) -> None:
    """Add the audit row of a budget that is deleted by itself."""
    _record(actor, budget, "deleted")


def record_deletion_with_target(
    sender: type[Budget], instance: Budget, origin: object = None, **kwargs: object
) -> None:
    """Handle `pre_delete` of a budget: record it if it goes with its user or group.

    A deletion that begins at a budget is recorded by who does it: the admin.
    """
    model = origin.model if isinstance(origin, QuerySet) else type(origin)
    if model is not Budget:
        _record(_deleting_admin(instance), instance, f"deleted with the {instance.scope}")


def _deleting_admin(budget: Budget) -> AbstractBaseUser | None:
    """The user who is deleting the budget's user or group in the admin; None at a command line.

    A signal does not know the request. Django's admin logs a deletion just before it, and ids are
    not used twice: a logged deletion of this row is the present one.
    """
    target: type[Model] = User if budget.user_id is not None else Group
    logged = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(target),
        object_id=str(_target_id(budget)),
        action_flag=DELETION,
    )
    entry = logged.select_related("user").order_by("-pk").first()
    return None if entry is None else entry.user


def _record(actor: AbstractBaseUser | AnonymousUser | None, budget: Budget, what: str) -> None:
    """Add a row that names by id for whom the budget is."""
    target_id = _target_id(budget)
    name = budget.scope if target_id is None else f"{budget.scope} {target_id}"
    target = f"{name}: {what}"
    if actor is None:
        audit.record_command(audit.Action.BUDGET_CHANGED, "budget", target, budget.user_id)
    else:
        audit.record(actor, audit.Action.BUDGET_CHANGED, "budget", target, budget.user_id)


def _target_id(budget: Budget) -> int | None:
    return budget.user_id or budget.group_id
