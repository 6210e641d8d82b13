"""The life of a Reply row: one answer at a time in a session, and each message answered once.

A reply that runs has the status `in_progress` and a lease. A reply ends as `completed`, as
`interrupted` (it was stopped; what came is kept), or as `failed` (the same message may be sent
again, and is then answered in its own place). All times are the database's.

A call wins over a reply: none starts while a call is live in the session, and one that runs when a
call opens is stopped when it next renews its lease. `runtime` stops it before the call opens, so
that the call's history has what came; this rule is for the race of both. The reply of a session
that is deleted stops at its next renewal too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, cast
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from backend.conversations.history import past_of
from backend.conversations.lifecycle import (
    POSITIONS_PER_BLOCK,
    OpenedExchange,
    Reserve,
    lock_session,
    no_limits,
)
from backend.conversations.models import Call, Reply, Session, Turn
from backend.conversations.queries import LIVE
from backend.conversations.session_locks import OwnSession
from backend.protocol.transcript.turns import TurnStatus

LEASE = timedelta(seconds=15)
"""Renewed every second. A message whose process died can be sent again after this time."""

MESSAGE, ANSWER = 0, 1
"""The positions of the message and of its answer within their block."""

RefusalCode = Literal["reply_running", "call_live"]
Status = Literal[TurnStatus.COMPLETED, TurnStatus.INTERRUPTED, TurnStatus.FAILED]


class ReplyRefused(Exception):
    """No answer can start now: one is running in the session, or a call is live there."""

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(code)
        self.code: RefusalCode = code


@dataclass(frozen=True, slots=True)
class OpenedReply:
    """An answer that may start now, with what it needs from its session."""

    reply_id: int
    attempt: int
    message_id: str
    exchange: OpenedExchange


class Lease(Enum):
    """What a process learns when it renews the lease of its reply."""

    KEPT = "kept"
    STOPPED = "stopped"
    """Its user or a call has stopped it, or its session was deleted."""
    LOST = "lost"
    """It was presumed dead and a later attempt took over, or its session is gone for good."""


def open_reply(
    session_id: UUID, user_id: int, message_id: str, reserve: Reserve = no_limits
) -> OpenedReply | Turn:
    """Start the answer to this message if `reserve` allows it, or return the one that it has.

    Raises ReplyRefused, AdmissionRefused("session_unknown"), AdmissionRefused("session_closed") and
    what `reserve` raises.
    """
    with transaction.atomic():
        session, now = lock_session(session_id, user_id)
        earlier, running = _earlier_and_running(session_id, message_id)
        if earlier is not None and (turn := _answer_of(earlier)) is not None:
            return turn
        if running is not None and running.lease_until > now:
            raise ReplyRefused("reply_running")
        if running is not None:
            _fail_dead_reply(running)
        if Call.objects.filter(LIVE, session_id=session_id).exists():
            raise ReplyRefused("call_live")
        # As late as possible, because it locks what all calls and answers of the user wait for.
        reserve(session_id, user_id, now)
        reply = _begin_again(earlier, now) if earlier else _begin(session, message_id, now)
        past = past_of(session_id, before=reply.first_position).items
    exchange = OpenedExchange(
        session_id=session_id,
        language=cast(Literal["ja", "en"], session.language),
        first_position=reply.first_position,
        past=past,
        user_id=user_id,
        provider=session.provider,
    )
    return OpenedReply(reply.pk, reply.attempt, message_id, exchange)


def renew_lease(reply_id: int, attempt: int) -> Lease:
    """Renew the lease of a running reply. Returns whether it goes on."""
    mine = Reply.objects.filter(pk=reply_id, attempt=attempt)
    live_call = Exists(Call.objects.filter(LIVE, session=OuterRef("session")))
    session = Exists(Session.objects.filter(pk=OuterRef("session")))
    going_on = mine.filter(~live_call, session, status=TurnStatus.IN_PROGRESS, stop_asked=False)
    if going_on.update(lease_until=Now() + LEASE):
        return Lease.KEPT
    return Lease.STOPPED if mine.exists() else Lease.LOST


def end_reply(reply_id: int, attempt: int, status: Status) -> Turn | None:
    """End this attempt unless it has ended. Returns its answer, if it was stored."""
    mine = Reply.objects.filter(pk=reply_id, attempt=attempt)
    mine.filter(status=TurnStatus.IN_PROGRESS).update(status=status)
    return Turn.objects.filter(
        session__replies__in=mine,
        call=None,
        position=F("session__replies__first_position") + ANSWER,
    ).first()


def end_and_remember(
    reply_id: int, attempt: int, status: Status, session_id: UUID
) -> tuple[Turn | None, int | None]:
    """End this attempt as `end_reply` does. Returns its answer and `Past.remembered_from`.

    `remembered_from` is None also if it cannot be read: the answer is stored all the same.
    """
    turn = end_reply(reply_id, attempt, status)
    try:
        return turn, past_of(session_id).remembered_from
    except DatabaseError:
        return turn, None


def ask_to_stop(
    session_id: UUID,
    user_id: int,
    message_id: str | None = None,
    check: Callable[[], None] = lambda: None,
) -> bool:
    """Ask the reply that runs in the user's session to stop. Returns whether one is running.

    With a `message_id`, only the reply to that message. `check` is called before, if one is
    running: it raises if that must go on.
    """
    running = _replies_in(session_id, user_id).filter(
        status=TurnStatus.IN_PROGRESS, lease_until__gt=Now()
    )
    if message_id is not None:
        running = running.filter(message_id=message_id)
    ids = list(running.values_list("pk", flat=True))
    if not ids:
        return False
    check()
    return Reply.objects.filter(pk__in=ids).update(stop_asked=True) > 0


def has_message(session_id: UUID, user_id: int, message_id: str) -> bool:
    """Whether this message was sent in the user's session."""
    return _replies_in(session_id, user_id).filter(message_id=message_id).exists()


def _replies_in(session_id: UUID, user_id: int) -> QuerySet[Reply]:
    """The replies in the user's session; none if the session is deleted or another user's."""
    return Reply.objects.filter(session__in=Session.objects.filter(pk=session_id, user_id=user_id))


def _begin(session: OwnSession, message_id: str, now: datetime) -> Reply:
    """A new reply in a block of its own; the session is locked."""
    Session.objects.filter(pk=session.pk).update(
        next_position=F("next_position") + POSITIONS_PER_BLOCK
    )
    return Reply.objects.create(
        session_id=session.pk,
        message_id=message_id,
        first_position=session.next_position,
        started_at=now,
        lease_until=now + LEASE,
    )


def _begin_again(reply: Reply, now: datetime) -> Reply:
    """The next attempt of a failed reply, in the same place of the conversation."""
    reply.attempt += 1
    reply.status = TurnStatus.IN_PROGRESS
    reply.stop_asked = False
    reply.started_at, reply.lease_until = now, now + LEASE
    reply.save()
    return reply


def _answer_of(reply: Reply) -> Turn | None:
    """The answer of a reply that has ended; None while it runs, or if it must be tried again."""
    if reply.status not in (TurnStatus.COMPLETED, TurnStatus.INTERRUPTED):
        return None
    return _stored_answer(reply)


def _stored_answer(reply: Reply) -> Turn | None:
    return Turn.objects.filter(
        session_id=reply.session_id, call=None, position=reply.first_position + ANSWER
    ).first()


def _earlier_and_running(session_id: UUID, message_id: str) -> tuple[Reply | None, Reply | None]:
    """The reply to this message, and the session's running reply; both may be the same."""
    replies = list(
        Reply.objects.filter(session_id=session_id).filter(
            Q(message_id=message_id) | Q(status=TurnStatus.IN_PROGRESS)
        )
    )
    earlier = (reply for reply in replies if reply.message_id == message_id)
    running = (reply for reply in replies if reply.status == TurnStatus.IN_PROGRESS)
    return next(earlier, None), next(running, None)


def _fail_dead_reply(dead: Reply) -> None:
    """End a reply as `failed` whose process is presumed dead."""
    Reply.objects.filter(pk=dead.pk).update(status=TurnStatus.FAILED)
    Turn.objects.filter(
        session_id=dead.session_id,
        call=None,
        position=dead.first_position + ANSWER,
        status=TurnStatus.IN_PROGRESS,
    ).update(status=TurnStatus.FAILED)
