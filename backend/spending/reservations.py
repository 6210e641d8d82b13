"""Reserve a call, an answer, a clip or a session under its user's limits: exactly, over any number
of processes.

The row itself is the reservation. These functions run inside the transaction that makes it
(`lifecycle.open_call`, `replies.open_reply`, `creating.create_session`): they lock and count; the
row follows, and the commit releases the lock. A call gives its place back when it ends, or, if its
process died, when its lease expires; at once where the process is known to be dead.

Of money and minutes an open call holds what a minute of talk uses (`prices`, `RESERVED_MINUTES`)
besides what it has used, until it ends. One more may open as long as something is left that is
neither used nor held: N calls cannot each use the last cent. What a call has used is in the ledger
within seconds of each answer; the reservation covers the answer that is not there yet.

The locks, on PostgreSQL: the user's row, for the limits of the user, then an advisory lock, for the
limit of all calls. The session's row is locked before both (`lifecycle.lock_session`). The order is
always the same, so that there is no deadlock. SQLite has one writer at a time (`transaction_mode`
IMMEDIATE).

A call whose lease expired although its process lives reopens (`lifecycle.renew_leases`) without a
check: no running call is ended for a limit.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.db.models.functions import Now
from django.utils import timezone

from backend.configured_providers import priced_as, provider_named
from backend.conversations.column_fitting import storable_model
from backend.conversations.models import Session
from backend.conversations.models import Usage as UsageRow
from backend.conversations.stored_cost import stored_cost
from backend.database import atomic, current_alias
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused, BudgetSpent
from backend.protocol.usage import Usage
from backend.spending.budget_usage import (
    OpenCalls,
    limits_of,
    open_calls,
    states_of_users,
    usd_of_next_answer,
)
from backend.spending.budgets import Allowed, Limits, Refused, admission
from backend.spending.call_counts import calls_of_the_hour
from backend.spending.limits import (
    HOUR,
    CallCounts,
    CallLimits,
    refusal_of,
    seconds_until_free,
)
from backend.spending.prices import usage_of_clip, usd_of_talk

ALL_CALLS_LOCK = 0x6B61697761
"""The key of the advisory lock of the limit of all calls: "kaiwa" in ASCII."""

Price = Callable[[], Decimal | None]
"""What is reserved, in USD; None if a price is unknown. Asked only where a budget of money is."""


def reserve_call(session_id: UUID, user_id: int, now: datetime) -> None:
    """Check that the user may open a call on this locked session; nobody else opens one meanwhile.

    Raises AdmissionRefused: `calls_not_allowed`, `price_unknown`, `too_many_calls`, `server_full`
    or `hourly_limit`, or BudgetSpent.
    """
    limits = limits_of([user_id])[user_id]
    at_once_in_all = settings.MAX_CALLS or None
    if not limits and at_once_in_all is None:
        return
    _check_price(limits, lambda: _usd_of_call(session_id))
    per_hour = limits.count("calls_per_hour")
    calls = CallLimits(limits.count("calls_at_once"), at_once_in_all, per_hour)
    if 0 in (calls.at_once, calls.per_hour):
        raise AdmissionRefused("calls_not_allowed", Ending.FORBIDDEN)
    if limits:
        lock_user(user_id)
    if at_once_in_all is not None:
        _lock_all_calls()
    is_hour_enough = not limits.by_kind.keys() - {"calls_per_hour"} and at_once_in_all is None
    running = [] if is_hour_enough else open_calls(now, without=session_id)
    counts = CallCounts(
        session_id=session_id,
        now=now,
        at_once=sum(each.number for each in running if each.user_id == user_id),
        at_once_in_all=sum(each.number for each in running),
        past=[] if per_hour is None else calls_of_the_hour(user_id, now),
    )
    if (refusal := refusal_of(calls, counts)) is not None:
        raise AdmissionRefused(refusal.ending, refusal.ending, retry_after_s=refusal.retry_after_s)
    verdict = _admission(user_id, limits, now, running)
    if isinstance(verdict, Refused):
        if verdict.is_only_reserved:
            # Another call has to end: the sentence of this ending says so.
            raise AdmissionRefused(Ending.TOO_MANY_CALLS, Ending.TOO_MANY_CALLS)
        raise _budget_spent(verdict)


def reserve_reply(session_id: UUID, user_id: int, now: datetime) -> None:
    """Check that the user may ask for a typed answer in this locked session.

    The Reply row that follows is the reservation. Raises AdmissionRefused("price_unknown") and
    BudgetSpent.
    """
    limits = _limits_and_lock(user_id, lambda: usd_of_next_answer(_provider_of(session_id)))
    if limits is not None:
        check_budgets(user_id, limits, now)


def reserve_clip(
    session_id: UUID, user_id: int, source_id: str, model: str, seconds: float
) -> None:
    """Check that the user may have a clip of this length transcribed, and reserve its cost.

    The reservation is a row of the ledger with the estimated usage, which stays if the process
    dies: the provider may have been paid by then. `settle_clip` replaces it.

    Raises AdmissionRefused("price_unknown") and BudgetSpent.
    """
    usage = usage_of_clip(source_id, priced_as(model), seconds)
    cost_usd, price_date = (None, None) if usage is None else stored_cost(usage, model)
    with atomic():
        limits = _limits_and_lock(user_id, lambda: cost_usd)
        if limits is None:
            return
        check_budgets(user_id, limits, timezone.now())
        if usage is None:
            usage = Usage(source_id, "transcription", seconds=seconds)
        UsageRow.objects.create(
            user_id=user_id,
            session_id=session_id,
            source_id=source_id,
            kind="transcription",
            model=storable_model(model),
            audio_in=usage.audio_in,
            text_out=usage.text_out,
            seconds=usage.seconds,
            cost_usd=cost_usd,
            price_date=price_date,
            is_estimated=True,
        )


def release_clip(session_id: UUID, source_id: str) -> None:
    """Delete the reservation of a clip: the provider has refused it, or its usage is known."""
    UsageRow.objects.filter(
        session_id=session_id, source_id=source_id, kind="transcription", is_estimated=True
    ).delete()


def _usd_of_call(session_id: UUID) -> Decimal | None:
    """What a call of this session reserves, with the models that its provider has now."""
    provider = provider_named(_provider_of(session_id))
    return usd_of_talk(priced_as(provider.realtime_model), priced_as(provider.transcription_model))


def _provider_of(session_id: UUID) -> str:
    """The provider's name. The session is there: it is locked."""
    name: str = Session.objects.values_list("provider", flat=True).get(pk=session_id)
    return name


def _limits_and_lock(user_id: int, price: Price) -> Limits | None:
    """The user's limits, with the user's row locked; None without one of money or minutes."""
    limits = limits_of([user_id])[user_id]
    if not limits.by_kind.keys() & {"money", "minutes"}:
        return None
    _check_price(limits, price)
    lock_user(user_id)
    return limits


def _check_price(limits: Limits, price: Price) -> None:
    if limits.amount("money") is not None and price() is None:
        raise AdmissionRefused("price_unknown", Ending.FORBIDDEN)


def check_budgets(user_id: int, limits: Limits, now: datetime) -> None:
    """Check that something of the user's money and minutes is left. Raises BudgetSpent."""
    verdict = _admission(user_id, limits, now, open_calls(now))
    if isinstance(verdict, Refused):
        raise _budget_spent(verdict)


def _admission(
    user_id: int, limits: Limits, now: datetime, running: Sequence[OpenCalls]
) -> Allowed | Refused:
    return admission(states_of_users({user_id: limits}, now, running)[user_id], now)


def _budget_spent(refused: Refused) -> BudgetSpent:
    return BudgetSpent(
        refused.kind,
        refused.retry_after_s,
        refused.resets_at,
        is_only_reserved=refused.is_only_reserved,
    )


def reserve_session(user_id: int) -> float | None:
    """Return None if the user may create a session, else the seconds until they may.

    Nobody else creates one for this user until the transaction ends.
    """
    limit: int = settings.SESSIONS_PER_HOUR
    if not limit:
        return None
    lock_user(user_id)
    recent = Session.with_deleted.filter(user_id=user_id, created_at__gt=Now() - HOUR)
    newest = recent.annotate(now=Now()).order_by("-created_at").values_list("created_at", "now")
    # Of the newest sessions the one that fills the limit; the order is by index.
    if (last := newest[limit - 1 : limit].first()) is None:
        return None
    created_at, now = last
    return seconds_until_free([created_at], 1, now)


def lock_user(user_id: int) -> None:
    """Lock the user's row until the transaction ends; on SQLite the transaction is the lock.

    `no_key`: rows that refer to the user can be written meanwhile.
    """
    if connections[current_alias()].features.has_select_for_update:
        list(User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk"))


def _lock_all_calls() -> None:
    connection = connections[current_alias()]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ALL_CALLS_LOCK])
