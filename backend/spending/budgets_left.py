"""What users have left of each of their limits, for the admin. The REST API has `usage_api`."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from backend.spending.budget_usage import OpenCalls, limits_of, open_calls, states_of_users
from backend.spending.budgets import LimitKind, Limits, Scope
from backend.spending.call_counts import calls_of_the_hour
from backend.spending.limits import CallCounts, free_at

_NO_SESSION = UUID(int=0)


class BudgetLeft(TypedDict):
    """One limit of a user: what of it is used and left.

    `limit`, `used`, `reserved` and `left` are USD of the month (`money`), minutes of the day, or
    numbers of calls. `reserved` is held by what runs, and is still counted in `left`. `resets_at`
    is the start of the next month or day; of the calls of an hour, when one more may be opened, if
    none may now. `scope` is where the limit comes from; `default` is the settings.
    """

    kind: LimitKind
    limit: Decimal
    used: Decimal
    reserved: Decimal
    left: Decimal
    resets_at: datetime | None
    scope: Scope


def left_by_user(user_ids: Collection[int], now: datetime) -> dict[int, list[BudgetLeft]]:
    """Return what each user has left of each limit that applies to them, money first.

    One query per kind of limit, and one more for each user with a limit of calls per hour.
    """
    limits = limits_of(user_ids)
    running = open_calls(now) if any(limits.values()) else []
    states = states_of_users(limits, now, running)
    found = {}
    for user_id, of_user in limits.items():
        rows: list[BudgetLeft] = [
            {
                "kind": state.kind,
                "limit": state.limit,
                "used": state.used,
                "reserved": state.reserved,
                "left": state.left,
                "resets_at": state.resets_at,
                "scope": of_user.by_kind[state.kind].scope,
            }
            for state in states[user_id]
        ]
        found[user_id] = [*rows, *_calls_left(user_id, of_user, now, running)]
    return found


def _calls_left(
    user_id: int, limits: Limits, now: datetime, running: list[OpenCalls]
) -> list[BudgetLeft]:
    counted: list[tuple[LimitKind, int, datetime | None]] = []
    if limits.amount("calls_at_once") is not None:
        at_once = sum(each.number for each in running if each.user_id == user_id)
        counted.append(("calls_at_once", at_once, None))
    if (per_hour := limits.count("calls_per_hour")) is not None:
        past = calls_of_the_hour(user_id, now)
        in_hour, free = free_at(CallCounts(_NO_SESSION, now, 0, 0, past), per_hour)
        counted.append(("calls_per_hour", in_hour, free))
    return [
        {
            "kind": kind,
            "limit": limits.by_kind[kind].amount,
            "used": Decimal(used),
            "reserved": Decimal(0),
            "left": max(limits.by_kind[kind].amount - used, Decimal(0)),
            "resets_at": resets_at,
            "scope": limits.by_kind[kind].scope,
        }
        for kind, used, resets_at in counted
    ]
