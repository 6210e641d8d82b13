"""The life of a Call row: one open call per session, and exactly one ending.

A call has ended when `ended_at` is set. Its ending never changes again, with one exception:
`interrupted` is only presumed (the lease expired, so the worker seems dead). A worker that is alive
after all reopens its call, or writes how it really ended. All times are the database's, so that
workers with different clocks agree.

Positions: each call, and each typed exchange without a call, reserves a block of positions while it
holds the session's row lock. So blocks are in the order in which the lock was taken, and a late
turn of an earlier block still sorts before every later block. An exchange that is opened during a
call sorts after all of that call's turns.

A call wins over a typed answer: no answer starts while a call is live, and an answer that runs when
a call opens stops at its next heartbeat (`replies`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db.models import F, Q
from django.db.models.functions import Now
from rest_framework.authtoken.models import Token

from backend.accounts import tokens
from backend.conversations import call_rows, control
from backend.conversations.history import past_of
from backend.conversations.models import DEFAULT_PROVIDER, Call, Session, voice_in_use
from backend.conversations.process_liveness import is_dead
from backend.conversations.session_locks import OwnSession, lock_own_session, own_provider
from backend.database import (
    among_uuids,
    atomic,
    execute,
    now_sql,
    rows_of,
    time_of,
    time_parameter,
    uuid_of,
)
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.relay.plan import PastItem

LEASE = timedelta(seconds=30)
POSITIONS_PER_BLOCK = 100_000
"""More turns than a call has: a turn each second for a day are 86,400."""

_OPEN = Q(ended_at__isnull=True)
_PRESUMED_DEAD = Q(ending=Ending.INTERRUPTED)

_Language = Literal["ja", "en"]


@dataclass(frozen=True, slots=True)
class OpenedCall:
    """A call that has just been opened, with what it needs from its session.

    `interrupted_call_id` is the session's earlier call if this one ended it as `interrupted`
    because its lease had expired.
    """

    call_id: UUID
    session_id: UUID
    language: _Language
    voice: str
    provider: str
    model: str
    transcription_model: str
    first_position: int
    past: tuple[PastItem, ...]
    interrupted_call_id: UUID | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class OpenedExchange:
    """A typed question and its answer, outside any call, with what they need from the session."""

    session_id: UUID
    language: _Language
    first_position: int
    past: tuple[PastItem, ...]
    user_id: int | None = None
    provider: str = DEFAULT_PROVIDER


class GivenUp(Exception):
    """The caller of `open_call` no longer waits for the call."""


class SessionBusy(Exception):
    """A call or a typed answer runs in the session, and has to be asked to end first."""


Reserve = Callable[[UUID, int, datetime], None]
"""Checks the user's limits for a call or an answer in this locked session, now, and keeps the place
until the transaction ends (`spending.reservations`). Raises AdmissionRefused."""


def no_limits(session_id: UUID, user_id: int, now: datetime) -> None:
    """Let every call and every answer begin."""


def open_call(
    session_id: UUID,
    user_id: int,
    *,
    worker: str,
    model: str,
    transcription_model: str,
    provider: str = DEFAULT_PROVIDER,
    transport: Call.Transport = Call.Transport.RELAY,
    is_given_up: Callable[[], bool] = lambda: False,
    reserve: Reserve = no_limits,
    may_end_others: bool = True,
) -> OpenedCall:
    """Open a call on the user's session, if `reserve` allows it.

    A call that is still open there ends: as `taken_over`, or as `interrupted` if its lease has
    expired or its process is known to be dead.

    `is_given_up` is called once the row is locked and again after the commit: a call that nobody
    waits for must not end one that was opened meanwhile, and must not stay open itself.

    Without `may_end_others` it raises SessionBusy where a call or a typed answer lives, which has
    to be asked to end, and to store what was said in it (`control.request_take_over`,
    `replies.ask_to_stop`). So most calls open in one transaction, without a question before it.

    Raises AdmissionRefused("session_unknown") if the user has no such session,
    AdmissionRefused("session_closed") if its owner has closed it, what `reserve` raises, and
    GivenUp.
    """
    with atomic():
        session, now = lock_session(session_id, user_id)
        if is_given_up():
            raise GivenUp
        earlier = call_rows.open_call_in(session_id)
        if not may_end_others and (
            _lives(earlier, now) or call_rows.has_running_reply(session_id, now)
        ):
            raise SessionBusy
        earlier_ending = None if earlier is None else _end_earlier(earlier, now)
        past = past_of(session_id).items
        # As late as possible, because it locks what all calls of the user, or of all, wait for.
        reserve(session_id, user_id, now)
        call = call_rows.NewCall(
            id=uuid4(),
            session_id=session_id,
            worker=worker[:100],
            provider=provider,
            model=model,
            transcription_model=transcription_model,
            transport=transport.value,
            first_position=session.next_position,
            login_at=tokens.login_time(user_id),
            started_at=now,
            lease_until=now + LEASE,
        )
        call_rows.insert(call)
        call_rows.take_positions(call, session.next_position + POSITIONS_PER_BLOCK)
    if earlier is not None and earlier_ending is Ending.TAKEN_OVER:
        control.publish([earlier.pk])
    if is_given_up():
        end_call(call.id, Ending.INTERNAL)
        raise GivenUp
    return OpenedCall(
        call_id=call.id,
        session_id=session_id,
        language=cast(_Language, session.language),
        voice=voice_in_use(session.voice),
        provider=provider,
        model=model,
        transcription_model=transcription_model,
        first_position=call.first_position,
        past=past,
        interrupted_call_id=(
            earlier.pk if earlier is not None and earlier_ending is Ending.INTERRUPTED else None
        ),
        user_id=user_id,
    )


def check_can_open(session_id: UUID, user_id: int, reserve: Reserve = no_limits) -> None:
    """Check that a call could open on the user's session now: it is theirs, can be locked, and
    `reserve` allows it. Nothing stays reserved.

    Raises what `open_call` raises for the session, and DatabaseError if the database cannot write.
    """
    with atomic():
        session, now = lock_session(session_id, user_id)
        reserve(session_id, user_id, now)
        # SQLite has no row locks, and PostgreSQL locks rows before it is asked to write them.
        Session.objects.filter(pk=session.pk).update(next_position=F("next_position"))


def open_exchange(session_id: UUID, user_id: int) -> OpenedExchange:
    """Reserve positions for a typed exchange without a call on the user's session.

    Raises AdmissionRefused("session_unknown") if the user has no such session, and
    AdmissionRefused("session_closed") if its owner has closed it.
    """
    with atomic():
        session, _ = lock_session(session_id, user_id)
        Session.objects.filter(pk=session_id).update(
            next_position=session.next_position + POSITIONS_PER_BLOCK
        )
        past = past_of(session_id).items
    return OpenedExchange(
        session_id=session_id,
        language=cast(_Language, session.language),
        first_position=session.next_position,
        past=past,
        user_id=user_id,
        provider=session.provider,
    )


def end_call(call_id: UUID, ending: Ending) -> Ending | None:
    """End the call unless it has ended. Returns its ending; None if the call was deleted."""
    with atomic():
        call = call_rows.lock_call(call_id)
        if call is None:
            return None
        if call.ending not in ("", Ending.INTERRUPTED):
            return Ending(call.ending)
        _end(call_id, call.started_at, ending, call.now)
        return ending


def renew_leases(call_ids: Iterable[UUID]) -> dict[UUID, Ending]:
    """Renew the leases of these calls. Returns those that must end now, each with its ending.

    `taken_over`: a newer call is open on the session. `revoked`: the login that opened the call is
    gone, or its user may no longer sign in. `completed`: the session was closed or deleted, also if
    it can still be restored. Or the ending that was requested (`control`).
    """
    ours = list(call_ids)
    if not ours:
        return {}
    among = among_uuids(ours)
    number, now = _number_that_goes_on(*among)
    _renew(*among, now)
    # Nearly always. Only to read which ones go on takes twice as long as to count them.
    if number == len(ours):
        return {}
    wanted = set(ours) - _calls_that_go_on(*among)
    rows = Call.objects.filter(pk__in=wanted).values_list(
        "id",
        "ending",
        "requested_ending",
        "login_at",
        "session__closed_at",
        "session__deleted_at",
        "session__user__is_active",
        "session__user__auth_token__created",
    )
    must_end: dict[UUID, Ending] = dict.fromkeys(wanted, Ending.COMPLETED)
    for (
        call_id,
        ending,
        requested_ending,
        login_at,
        closed_at,
        deleted_at,
        is_active,
        login_now,
    ) in rows:
        verdict: Ending | None = None
        if not is_active or login_now is None or login_now != login_at:
            verdict = Ending.REVOKED
        elif closed_at is not None or deleted_at is not None:
            verdict = Ending.COMPLETED
        elif requested_ending:
            verdict = Ending(requested_ending)
        elif ending == Ending.INTERRUPTED:
            verdict = None if _reopen(call_id) else Ending.TAKEN_OVER
        elif ending:
            verdict = Ending(ending)
        if verdict is None:
            del must_end[call_id]
        else:
            must_end[call_id] = verdict
    return must_end


def _number_that_goes_on(among: str, given: str) -> tuple[int, datetime]:
    """The number of these calls of which nothing demands the end, and the database's time.

    Written out, as `_renew` is: with 200 ids the ORM takes three times as long, every 5 s.
    """
    ((number, now),) = rows_of(f"SELECT COUNT(*), {now_sql()} {_GOING_ON} {among}", (given,))
    return number, time_of(now)


def _calls_that_go_on(among: str, given: str) -> set[UUID]:
    """Those of these calls of which nothing demands the end."""
    rows = rows_of(f"SELECT call_row.id {_GOING_ON} {among}", (given,))
    return {uuid_of(stored) for (stored,) in rows}


_GOING_ON = f"""
    FROM {Call._meta.db_table} call_row
    JOIN {Session._meta.db_table} session_row ON session_row.id = call_row.session_id
    JOIN {User._meta.db_table} user_row ON user_row.id = session_row.user_id
    JOIN {Token._meta.db_table} login ON login.user_id = user_row.id
    WHERE call_row.ended_at IS NULL AND call_row.ending = '' AND call_row.requested_ending = ''
    AND session_row.closed_at IS NULL AND session_row.deleted_at IS NULL
    AND user_row.is_active AND login.created = call_row.login_at
    AND call_row.id"""


def _renew(among: str, given: str, now: datetime) -> None:
    """Renew the leases of those of these calls that are open."""
    execute(
        f"UPDATE {Call._meta.db_table} SET lease_until = %s WHERE ended_at IS NULL AND id {among}",
        (time_parameter(now + LEASE), given),
    )


def reap(expired_for: timedelta = timedelta()) -> list[UUID]:
    """End the calls of dead workers as `interrupted`. Returns their ids.

    A worker is presumed dead if the lease expired this long ago or longer, or known to be dead
    (`process_liveness`). The end is the last renewal of the lease: the last time that it was alive.
    """
    open_calls = rows_of(
        f"SELECT worker, MIN(lease_until), {now_sql()} FROM {Call._meta.db_table}"
        " WHERE ended_at IS NULL GROUP BY worker"
    )
    known_dead = [worker for worker, *_ in open_calls if is_dead(worker)]
    has_expired = any(time_of(until) < time_of(now) - expired_for for _, until, now in open_calls)
    if not known_dead and not has_expired:
        return []
    reaped = []
    dead_calls = Q(lease_until__lt=Now() - expired_for) | Q(worker__in=known_dead)
    for call in Call.objects.filter(_OPEN, dead_calls):
        with atomic():
            unchanged = Call.objects.select_for_update(no_key=True).filter(
                _OPEN, pk=call.pk, lease_until=call.lease_until
            )
            if (dead := unchanged.first()) is not None:
                _end(dead.pk, dead.started_at, Ending.INTERRUPTED, dead.lease_until - LEASE)
                reaped.append(dead.pk)
    return reaped


def lock_session(session_id: UUID, user_id: int) -> tuple[OwnSession, datetime]:
    """The user's session, locked until the transaction ends, and the database's time.

    Raises AdmissionRefused("session_unknown") if the user has no such session, and
    AdmissionRefused("session_closed") if its owner has closed it.
    """
    session = lock_own_session(session_id, user_id)
    if session is None:
        raise AdmissionRefused("session_unknown", Ending.FORBIDDEN)
    if session.is_closed:
        raise AdmissionRefused("session_closed", Ending.FORBIDDEN)
    return session, session.now


def provider_of(session_id: UUID, user_id: int) -> str | None:
    """The name of the provider of the user's session; None if the user has no such session."""
    return own_provider(session_id, user_id)


def has_open_call(session_id: UUID) -> bool:
    """Return whether a call of this session has not ended, or its ending is not yet written."""
    return Call.objects.filter(_OPEN, session_id=session_id).exists()


def _lives(earlier: call_rows.OpenRow | None, now: datetime) -> bool:
    """Whether some process still serves this call, and has to store what was said in it."""
    return earlier is not None and earlier.lease_until > now and not is_dead(earlier.worker)


def _end_earlier(call: call_rows.OpenRow, now: datetime) -> Ending:
    """End the locked session's open call. Returns its ending."""
    ending, at = Ending.TAKEN_OVER, now
    if call.lease_until < now or is_dead(call.worker):
        ending, at = Ending.INTERRUPTED, call.lease_until - LEASE
    _end(call.pk, call.started_at, ending, at)
    return ending


def _end(call_id: UUID, started_at: datetime, ending: Ending, at: datetime) -> None:
    """Write the ending of a call, which does not end before it has started."""
    call_rows.write_ending(call_id, ending, max(at, started_at))


def _reopen(call_id: UUID) -> bool:
    """Reopen a call that was presumed dead, unless a newer one exists. Returns whether it is open.

    A call that was reopened by an earlier heartbeat is open already.
    """
    with atomic():
        session = Session.with_deleted.select_for_update(no_key=True).filter(calls=call_id).first()
        newest = Call.objects.filter(session=session).order_by("-first_position").first()
        if newest is None or newest.pk != call_id:
            return False
        Call.objects.filter(_PRESUMED_DEAD, pk=call_id).update(
            ended_at=None, ending="", lease_until=Now() + LEASE
        )
        return True
