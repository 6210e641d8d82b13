"""A call's row from opening to ending: one open call a session, and exactly one ending.

The law: a call has ended when `ended_at` is set, and its ending never changes again, with one
exception. `interrupted` is only a presumption (the lease ran out, so the worker must be dead); a
worker that turns out to live takes its call back, or says how it really ended. All times are the
database's, so that workers with different clocks agree.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from backend.accounts import tokens
from backend.conversations.models import Call, Session, Turn
from backend.conversations.past import past_of
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.protocol.transcript.turns import TurnStatus
from backend.relay.plan import PastItem

LEASE = timedelta(seconds=30)
POSITIONS_A_CALL = 100_000
"""Every call has a block of positions, so that a late turn of an earlier call stays in front."""

_OPEN = Q(ended_at__isnull=True)
_PRESUMED_DEAD = Q(ending=Ending.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class OpenedCall:
    """What the opening of a call decided, and what its session is about."""

    call_id: UUID
    session_id: UUID
    language: Literal["ja", "en"]
    voice: str
    model: str
    title: str
    first_position: int
    past: tuple[PastItem, ...]


class GivenUp(Exception):
    """Nobody waits for this call to be opened any more."""


def open_call(
    session_id: UUID,
    user_id: int,
    *,
    worker: str,
    model: str,
    is_given_up: Callable[[], bool] = lambda: False,
) -> OpenedCall:
    """Open a call on the user's session; a call that is still open there ends as `taken_over`,
    or as `interrupted` where its lease ran out.

    `is_given_up` is asked when the database has let us in, and again at the end: a call that nobody
    waits for must not end one that was opened meanwhile, nor stay open itself.

    Raises AdmissionRefused("session_unknown") where there is no such session of this user's,
    AdmissionRefused("session_closed") where its owner has closed it, and GivenUp.
    """
    with transaction.atomic():
        session = (
            Session.objects.select_for_update(no_key=True)
            .annotate(now=Now())
            .filter(pk=session_id, user_id=user_id)
            .first()
        )
        if is_given_up():
            raise GivenUp
        if session is None:
            raise AdmissionRefused("session_unknown", Ending.FORBIDDEN)
        if session.closed_at is not None:
            raise AdmissionRefused("session_closed", Ending.FORBIDDEN)
        earlier = list(Call.objects.filter(session=session).order_by("first_position"))
        for call in earlier:
            if call.ended_at is None and call.lease_until < session.now:
                _end(call, Ending.INTERRUPTED, call.lease_until - LEASE)
            elif call.ended_at is None:
                _end(call, Ending.TAKEN_OVER, session.now)
        call = Call.objects.create(
            session=session,
            worker=worker[:100],
            model=model,
            first_position=earlier[-1].first_position + POSITIONS_A_CALL if earlier else 0,
            login_at=tokens.login_time(user_id),
            started_at=session.now,
            lease_until=session.now + LEASE,
        )
        Session.objects.filter(pk=session_id).update(model=model, updated_at=session.now)
        past = past_of(session_id)
    if is_given_up():
        end_call(call.id, Ending.INTERNAL)
        raise GivenUp
    return OpenedCall(
        call_id=call.id,
        session_id=session.id,
        language=cast(Literal["ja", "en"], session.language),
        voice=session.voice,
        model=model,
        title=session.title,
        first_position=call.first_position,
        past=past,
    )


def end_call(call_id: UUID, ending: Ending) -> None:
    """Say how the call ended. The first ending wins; a call that was deleted needs none."""
    with transaction.atomic():
        call = (
            Call.objects.select_for_update(no_key=True)
            .annotate(now=Now())
            .filter(_OPEN | _PRESUMED_DEAD, pk=call_id)
            .first()
        )
        if call is not None:
            _end(call, ending, call.now)


def renew_leases(call_ids: Iterable[UUID]) -> dict[UUID, Ending]:
    """Renew the leases of these calls; which of them must end now, and as what.

    `taken_over`: a newer call is open on the session. `revoked`: the login under which the call was
    opened is gone, or its user may not sign in any more. `completed`: the session was closed or
    deleted.
    """
    wanted = set(call_ids)
    Call.objects.filter(_OPEN, pk__in=wanted).update(lease_until=Now() + LEASE)
    rows = Call.objects.filter(pk__in=wanted).values_list(
        "id",
        "ending",
        "login_at",
        "session__closed_at",
        "session__user__is_active",
        "session__user__auth_token__created",
    )
    must_end: dict[UUID, Ending] = dict.fromkeys(wanted, Ending.COMPLETED)
    for call_id, ending, login_at, closed_at, is_active, login_now in rows:
        verdict: Ending | None = None
        if not is_active or login_now is None or login_now != login_at:
            verdict = Ending.REVOKED
        elif closed_at is not None:
            verdict = Ending.COMPLETED
        elif ending == Ending.INTERRUPTED:
            verdict = None if _take_back(call_id) else Ending.TAKEN_OVER
        elif ending:
            verdict = Ending(ending)
        if verdict is None:
            del must_end[call_id]
        else:
            must_end[call_id] = verdict
    return must_end


def reap() -> int:
    """End the calls whose lease ran out, as `interrupted`, at the last sign of life; how many."""
    reaped = 0
    for call in Call.objects.filter(_OPEN, lease_until__lt=Now()):
        with transaction.atomic():
            still = Call.objects.select_for_update(no_key=True).filter(
                _OPEN, pk=call.pk, lease_until=call.lease_until
            )
            if (dead := still.first()) is not None:
                _end(dead, Ending.INTERRUPTED, dead.lease_until - LEASE)
                reaped += 1
    return reaped


def _end(call: Call, ending: Ending, at: datetime) -> None:
    """Write the ending of a row that is locked. No turn stays in progress after its call."""
    call.ended_at = max(at, call.started_at)
    call.ending = ending
    call.save(update_fields=["ended_at", "ending"])
    Turn.objects.filter(call=call, status=TurnStatus.IN_PROGRESS).update(
        status=TurnStatus.INTERRUPTED
    )


def _take_back(call_id: UUID) -> bool:
    """Open a call again that was presumed dead, unless a newer one has come; whether it is open."""
    with transaction.atomic():
        session = Session.objects.select_for_update(no_key=True).filter(calls=call_id).first()
        newest = Call.objects.filter(session=session).order_by("-first_position").first()
        if newest is None or newest.pk != call_id:
            return False
        Call.objects.filter(_PRESUMED_DEAD, pk=call_id).update(
            ended_at=None, ending="", lease_until=Now() + LEASE
        )
        return True
