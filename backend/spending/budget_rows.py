"""Reads the budgets of users without the ORM: each call, answer and heartbeat asks for them.

Written out for the same reason as `conversations.turn_rows`.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.database import placeholders, rows_of, this_connection
from backend.spending.budgets import Grant
from backend.spending.models import Budget


def granted_to(user_ids: Collection[int]) -> Iterator[tuple[int | None, Grant]]:
    """The budgets that apply to any of these users, each with its user; None is everybody.

    A group's budget comes once for each of its members, also for others than these.
    """
    if not user_ids:
        return
    some = placeholders(user_ids)
    rows = rows_of(
        f"{_SELECT} WHERE budget.scope = %s OR budget.user_id IN ({some})"
        f" OR member.user_id IN ({some})",
        [Budget.Scope.EVERYBODY.value, *user_ids, *user_ids],
    )
    connection = this_connection()
    for scope, user_id, member_id, usd, minutes, at_once, per_hour in rows:
        owner_id = None if scope == Budget.Scope.EVERYBODY else user_id or member_id
        yield owner_id, Grant(scope, _usd(usd, connection), minutes, at_once, per_hour)


def _usd(stored: Any, connection: BaseDatabaseWrapper) -> Decimal | None:
    """The amount that a query returned: as the ORM does, since SQLite has no type for it."""
    for convert in connection.ops.get_db_converters(_USD):
        stored = convert(stored, _USD, connection)
    return stored  # type: ignore[no-any-return]


_USD = Budget._meta.get_field("usd_per_month").cached_col
_MEMBERS = User.groups.through._meta.db_table
_SELECT = (
    "SELECT budget.scope, budget.user_id, member.user_id, budget.usd_per_month,"
    " budget.minutes_per_day, budget.calls_at_once, budget.calls_per_hour"
    f" FROM {Budget._meta.db_table} budget"
    f" LEFT JOIN {_MEMBERS} member ON member.group_id = budget.group_id"
)
