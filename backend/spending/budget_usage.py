"""Reads the limits of users, and sums what they have used and reserved of them, for `budgets`.

Money is the sum of the ledger's costs since the month began (`Usage`, by the index of user and
time), also of rows whose conversation was deleted; `conversations.ledger` writes those rows.
Minutes are how long the user's calls lasted today, open ones until now, and the dictated clips: of
a model that is sold by tokens, those of the audio say how long. A call whose lease has expired has
lasted until its last heartbeat. Each function makes the same number of queries for any number of
users.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import (
    Case,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from backend.configured_providers import priced_as, provider_named
from backend.conversations.lifecycle import LEASE
from backend.conversations.models import Call, Reply, Session, Usage
from backend.conversations.process_liveness import is_dead
from backend.database import among_uuids, now_sql, rows_of, time_of, uuid_of
from backend.protocol.budget_state import BudgetState
from backend.protocol.transcript.turns import TurnStatus
from backend.protocol.usage import AUDIO_IN_TOKENS_PER_S
from backend.spending.budget_rows import granted_to
from backend.spending.budgets import (
    RESERVED_MINUTES,
    Counted,
    Grant,
    Limits,
    day_of,
    month_of,
    states_of,
    tightest,
)
from backend.spending.call_counts import open_call_groups
from backend.spending.models import Budget, DeletedTalk
from backend.spending.prices import usd_of_answer, usd_of_talk

CLIP_PREFIX = "clip_"
"""The beginning of the `source_id` of a dictated clip."""
_LONGEST_CALL = timedelta(days=1)
"""A session is written to at the start of a call and at each turn. One with a call that ended
today was written to within this time before the day began: a call without any turn ends sooner."""

_OPEN = Q(ended_at__isnull=True)


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """Open calls of one user with the same models."""

    user_id: int | None
    model: str
    transcription_model: str
    number: int


def settings_grant() -> Grant:
    """Return the limits in the settings, where 0 is no limit."""
    return Grant(
        "default",
        settings.BUDGET_USD_PER_MONTH or None,
        settings.BUDGET_MINUTES_PER_DAY or None,
        settings.MAX_CALLS_PER_USER or None,
        settings.CALLS_PER_HOUR or None,
    )


def limits_of(user_ids: Collection[int]) -> dict[int, Limits]:
    """Return the tightest limits of each of these users. One query."""
    default, of_all, of_one = settings_grant(), list[Grant](), defaultdict[int, list[Grant]](list)
    for owner_id, grant in granted_to(user_ids):
        (of_all if owner_id is None else of_one[owner_id]).append(grant)
    return {user_id: tightest([default, *of_all, *of_one.get(user_id, ())]) for user_id in user_ids}


def states_of_users(
    limits: Mapping[int, Limits], now: datetime, open_calls: Iterable[OpenCalls] = ()
) -> dict[int, list[BudgetState]]:
    """Return the states of the money and the minutes of these users, with what is reserved.

    At most four queries; none if no user has a limit of money or minutes.
    """
    zone = timezone.get_default_timezone()
    counted = counted_of(limits, now)
    reserved = _reserved(limits, open_calls)
    return {
        user_id: states_of(
            of_user,
            replace(
                counted.get(user_id, Counted()),
                reserved_usd=reserved[user_id].usd,
                reserved_minutes=reserved[user_id].minutes,
            ),
            now,
            zone,
        )
        for user_id, of_user in limits.items()
    }


def counted_of(limits: Mapping[int, Limits], now: datetime) -> dict[int, Counted]:
    """Return what these users have used in the month and on the day of `now`; nothing reserved.

    Of a user without a limit of money or minutes, nothing is counted.
    """
    with_minutes = [
        user_id for user_id, each in limits.items() if each.amount("minutes") is not None
    ]
    with_any = {
        *with_minutes,
        *(user_id for user_id, each in limits.items() if each.amount("money") is not None),
    }
    if not with_any:
        return {}
    zone = timezone.get_default_timezone()
    day = day_of(now, zone).start
    talk = _talk_since(day, with_minutes, now)
    clips = Q(call=None, kind="transcription", source_id__startswith=CLIP_PREFIX)
    used = Usage.objects.filter(
        user_id__in=with_any, created_at__gte=month_of(now, zone).start
    ).order_by()
    rows = used.values("user_id").annotate(
        usd=Sum("cost_usd"),
        unpriced=Count("pk", filter=Q(cost_usd__isnull=True)),
        clip_s=Sum("seconds", filter=clips & Q(created_at__gte=day)),
        clip_tokens=Sum("audio_in", filter=clips & Q(created_at__gte=day)),
    )
    by_user: dict[int, Any] = {row["user_id"]: row for row in rows}
    found = {}
    for user_id in with_any:
        row = by_user.get(user_id, {})
        # A clip has seconds or tokens, never both.
        of_tokens_s = (row.get("clip_tokens") or 0) / AUDIO_IN_TOKENS_PER_S
        clip_s = timedelta(seconds=(row.get("clip_s") or 0) + of_tokens_s)
        found[user_id] = Counted(
            usd=row.get("usd") or Decimal(0),
            unpriced=row.get("unpriced", 0),
            minutes=_minutes(talk.get(user_id, timedelta()) + clip_s),
        )
    return found


def open_calls(now: datetime, *, without: UUID | None = None) -> list[OpenCalls]:
    """Count the open calls of all users by user and models, without those of dead processes.

    `without` is a session whose call does not count. One query, by the index of open calls. A
    session's `updated_at` says nothing about them: a client that sends events but no words keeps a
    call open for hours without a turn.
    """
    are_dead: dict[str, bool] = {}
    found = []
    for user_id, worker, model, transcription_model, number in open_call_groups(now, without):
        if worker not in are_dead:
            are_dead[worker] = is_dead(worker)
        if not are_dead[worker]:
            found.append(OpenCalls(user_id, model, transcription_model, number))
    return found


def has_budgets() -> bool:
    """Whether money or minutes of anybody are limited. If not, `states_of_calls` finds nothing."""
    return _do_settings_limit() or bool(rows_of(f"SELECT EXISTS ({_LIMITING})")[0][0])


def _do_settings_limit() -> bool:
    """Whether the settings limit money or minutes. How many calls somebody has is no budget."""
    grant = settings_grant()
    return grant.usd_per_month is not None or grant.minutes_per_day is not None


_LIMITING = (
    f"SELECT 1 FROM {Budget._meta.db_table}"
    " WHERE usd_per_month IS NOT NULL OR minutes_per_day IS NOT NULL"
)


def states_of_calls(call_ids: Collection[UUID]) -> dict[UUID, list[BudgetState]]:
    """Return the budgets' states of the user of each of these open calls, for a heartbeat.

    The same few queries for any number of calls, and one where nobody has a limit; nothing is
    reserved in them, because a call that runs may use what it has reserved.
    """
    if not call_ids:
        return {}
    # Every process with calls asks every 5 s: the ORM takes four times as long with 200 ids.
    among, given = among_uuids(call_ids)
    rows = rows_of(
        f"""
        SELECT call_row.id, session_row.user_id, {now_sql()},
            EXISTS ({_LIMITING})
        FROM {Call._meta.db_table} call_row
        JOIN {Session._meta.db_table} session_row ON session_row.id = call_row.session_id
        WHERE call_row.id {among} AND call_row.ended_at IS NULL
        """,
        (given,),
    )
    if not rows:
        return {}
    users = {uuid_of(call_id): user_id for call_id, user_id, _, _ in rows}
    _, _, now, is_limiting = rows[0]
    if not is_limiting and not _do_settings_limit():
        return {call_id: [] for call_id in users}
    limits = limits_of(set(users.values()))
    states = states_of_users(limits, time_of(now))
    return {call_id: states[user_id] for call_id, user_id in users.items()}


def usd_of_next_answer(provider: str) -> Decimal | None:
    """What a typed answer of this provider's model reserves, in USD; None if a price is unknown."""
    model = priced_as(provider_named(provider).chat_model)
    return usd_of_answer(model, settings.HISTORY_TOKENS)


@dataclass(frozen=True, slots=True)
class _Reserved:
    usd: Decimal = Decimal(0)
    minutes: Decimal = Decimal(0)


def _reserved(
    limits: Mapping[int, Limits], calls: Iterable[OpenCalls]
) -> defaultdict[int, _Reserved]:
    """What the open calls and the typed answers of these users have reserved."""
    reserved = defaultdict[int, _Reserved](_Reserved)
    for each in calls:
        if each.user_id is not None and each.user_id in limits:
            before = reserved[each.user_id]
            models = priced_as(each.model), priced_as(each.transcription_model)
            usd = usd_of_talk(*models) or Decimal(0)
            reserved[each.user_id] = _Reserved(
                before.usd + each.number * usd,
                before.minutes + each.number * RESERVED_MINUTES,
            )
    for user_id, provider, number in _running_answers(limits):
        before = reserved[user_id]
        usd = usd_of_next_answer(provider) or Decimal(0)
        reserved[user_id] = replace(before, usd=before.usd + number * usd)
    return reserved


def _running_answers(limits: Mapping[int, Limits]) -> Sequence[tuple[int, str, int]]:
    """How many typed answers run, by user and provider, of those with a limit of money."""
    with_money = [user_id for user_id, each in limits.items() if each.amount("money") is not None]
    if not with_money:
        return ()
    running = Reply.objects.filter(
        status=TurnStatus.IN_PROGRESS, lease_until__gt=Now(), session__user_id__in=with_money
    )
    by_user = running.order_by().values_list("session__user_id", "session__provider")
    return list(by_user.annotate(number=Count("pk")))


def _talk_since(day: datetime, user_ids: Collection[int], now: datetime) -> dict[int, timedelta]:
    """How long the calls of these users lasted since the day began, also those since deleted."""
    if not user_ids:
        return {}
    sessions = Session.with_deleted.filter(user_id__in=user_ids, updated_at__gt=day - _LONGEST_CALL)
    calls = Call.objects.filter(_OPEN | Q(ended_at__gt=day), session__in=sessions.order_by())
    lost = Q(ended_at__isnull=True, lease_until__lt=now)
    ended_at = Case(
        When(lost, then=ExpressionWrapper(F("lease_until") - LEASE, DateTimeField())),
        When(_OPEN, then=_time(now)),
        default=F("ended_at"),
        output_field=DateTimeField(),
    )
    found = defaultdict[int, timedelta](timedelta)
    rows = (
        calls.order_by().values_list("session__user_id").annotate(talk=_lasted(ended_at, day, now))
    )
    deleted = DeletedTalk.objects.filter(user_id__in=user_ids, ended_at__gt=day)
    deleted_rows = deleted.values_list("user_id").annotate(talk=_lasted(F("ended_at"), day, now))
    for user_id, talk in (*rows, *deleted_rows):
        found[user_id] += talk
    return found


def _lasted(ended_at: Any, day: datetime, now: datetime) -> Sum:
    """The sum of the parts of calls between the start of the day and now.

    After a clock has stepped back, a call may begin or end after `now`: it then counts as if it
    began or ended now.
    """
    began = Greatest(F("started_at"), _time(day))
    return Sum(
        Greatest(
            ExpressionWrapper(
                Least(ended_at, _time(now)) - Least(began, _time(now)), DurationField()
            ),
            Value(timedelta(), DurationField()),
        )
    )


def _time(at: datetime) -> Value:
    return Value(at, DateTimeField())


def _minutes(talk: timedelta) -> Decimal:
    return Decimal(round(talk.total_seconds())) / 60
