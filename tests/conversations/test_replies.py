"""Reply rows: one at a time in a session, answered once, and a call wins over a typed answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from backend.conversations.lifecycle import end_call
from backend.conversations.models import Call, Reply, Session, Turn
from backend.conversations.replies import (
    ANSWER,
    Lease,
    OpenedReply,
    ReplyRefused,
    ask_to_stop,
    end_and_remember,
    end_reply,
    has_message,
    open_reply,
    renew_lease,
)
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from backend.protocol.transcript.turns import TurnStatus
from tests.conversations.equipment import kept_turn, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, language="ja")


def opened(session: Session, message_id: str = "m1") -> OpenedReply:
    reply = open_reply(session.id, session.user_id, message_id)
    assert isinstance(reply, OpenedReply)
    return reply


def keep_exchange(session: Session, reply: OpenedReply, answer: str = "Yes.") -> Turn:
    """The message and its answer as the recorder stores them."""
    first = reply.exchange.first_position
    kept_turn(session, item_id=reply.message_id, text="Is it?", position=first)
    return kept_turn(
        session, item_id="answer", role="assistant", text=answer, position=first + ANSWER
    )


def code_of(session: Session, message_id: str) -> str:
    with pytest.raises(ReplyRefused) as refused:
        open_reply(session.id, session.user_id, message_id)
    return refused.value.code


def kill_process() -> None:
    """Let every lease expire."""
    Reply.objects.update(lease_until=timezone.now() - timedelta(minutes=1))


def test_it_has_a_block_of_positions_and_the_past_before_it(session: Session) -> None:
    first = opened(session)
    keep_exchange(session, first)
    end_reply(first.reply_id, first.attempt, TurnStatus.COMPLETED)
    second = opened(session, "m2")
    assert second.exchange.first_position > first.exchange.first_position
    assert [item.text for item in second.exchange.past] == ["Is it?", "Yes."]
    assert second.exchange.language == "ja"


def test_a_message_that_was_answered_is_answered_the_same_again(session: Session) -> None:
    reply = opened(session)
    turn = keep_exchange(session, reply)
    assert end_reply(reply.reply_id, reply.attempt, TurnStatus.INTERRUPTED) == turn
    assert open_reply(session.id, session.user_id, "m1") == turn


def test_a_message_takes_few_queries(session: Session, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(9):  # With BEGIN and COMMIT, or the savepoint's.
        reply = opened(session)
    with django_assert_max_num_queries(3):
        ended = end_and_remember(reply.reply_id, reply.attempt, TurnStatus.FAILED, session.id)
    assert ended == (None, None)


def test_an_answer_ends_also_if_the_history_cannot_be_read(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = opened(session)
    turn = keep_exchange(session, reply)

    def fail(_: UUID) -> None:
        raise OperationalError

    monkeypatch.setattr("backend.conversations.replies.past_of", fail)
    ended = end_and_remember(reply.reply_id, reply.attempt, TurnStatus.COMPLETED, session.id)
    assert ended == (turn, None)


def test_one_reply_runs_in_a_session(session: Session) -> None:
    opened(session)
    assert code_of(session, "m1") == "reply_running"
    assert code_of(session, "m2") == "reply_running"


def test_the_database_allows_only_one_running_reply(session: Session) -> None:
    opened(session)
    now = timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Reply.objects.create(
            session=session, message_id="m2", first_position=9, started_at=now, lease_until=now
        )


def test_a_failed_message_is_tried_again_in_its_own_place(session: Session) -> None:
    first = opened(session)
    keep_exchange(session, first)
    end_reply(first.reply_id, first.attempt, TurnStatus.FAILED)
    later = opened(session, "m2")
    end_reply(later.reply_id, later.attempt, TurnStatus.COMPLETED)
    again = opened(session)
    assert again.exchange.first_position == first.exchange.first_position
    assert (again.attempt, again.exchange.past) == (2, ())


def test_a_reply_whose_process_died_gives_way(session: Session) -> None:
    dead = opened(session)
    turn = keep_exchange(session, dead)
    Turn.objects.filter(pk=turn.pk).update(status=TurnStatus.IN_PROGRESS)
    kill_process()
    opened(session, "m2")
    assert Turn.objects.get(pk=turn.pk).status == TurnStatus.FAILED
    assert Reply.objects.get(pk=dead.reply_id).status == TurnStatus.FAILED


def test_a_process_that_was_presumed_dead_learns_that_its_reply_is_lost(session: Session) -> None:
    dead = opened(session)
    kill_process()
    again = opened(session)
    assert renew_lease(dead.reply_id, dead.attempt) is Lease.LOST
    assert end_reply(dead.reply_id, dead.attempt, TurnStatus.COMPLETED) is None
    assert renew_lease(again.reply_id, again.attempt) is Lease.KEPT


def test_a_renewed_lease_keeps_the_session_taken(session: Session) -> None:
    reply = opened(session)
    kill_process()
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.KEPT
    assert code_of(session, "m2") == "reply_running"


def test_its_user_stops_it(session: Session, stranger: User) -> None:
    reply = opened(session)
    assert not ask_to_stop(session.id, stranger.pk)
    assert not ask_to_stop(session.id, session.user_id, "m2")
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.KEPT
    assert ask_to_stop(session.id, session.user_id, "m1")
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.STOPPED
    end_reply(reply.reply_id, reply.attempt, TurnStatus.INTERRUPTED)
    assert not ask_to_stop(session.id, session.user_id)


def test_a_message_is_known_to_its_user_only(session: Session, stranger: User) -> None:
    opened(session)
    assert has_message(session.id, session.user_id, "m1")
    assert not has_message(session.id, stranger.pk, "m1")
    assert not has_message(session.id, session.user_id, "m2")


def test_it_needs_an_open_session_of_the_user(session: Session, stranger: User) -> None:
    with pytest.raises(AdmissionRefused, match="session_unknown"):
        open_reply(session.id, stranger.pk, "m1")
    Session.objects.update(closed_at=timezone.now())
    with pytest.raises(AdmissionRefused, match="session_closed"):
        open_reply(session.id, session.user_id, "m1")


def test_no_reply_starts_while_a_call_is_live(session: Session) -> None:
    call = new_call(session)
    assert code_of(session, "m1") == "call_live"
    end_call(call.call_id, Ending.CLIENT_LEFT)
    opened(session)


def test_a_call_whose_worker_died_does_not_refuse_a_reply(session: Session) -> None:
    new_call(session)
    Call.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    opened(session)


def test_a_call_that_opens_stops_the_reply_at_its_next_heartbeat(session: Session) -> None:
    reply = opened(session)
    new_call(session)
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.STOPPED


def test_a_lost_reply_of_a_deleted_session(session: Session) -> None:
    reply = opened(session)
    session.delete()
    assert renew_lease(reply.reply_id, reply.attempt) is Lease.LOST


def _at_once(*works: object) -> list[object]:
    barrier = Barrier(len(works))

    def run(work: object) -> object:
        barrier.wait()
        try:
            return work()  # type: ignore[operator]
        except ReplyRefused as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_that_send_at_once_one_is_answered(session: Session) -> None:
    ids = ("m1", "m2")
    results = _at_once(*(lambda i=i: open_reply(session.id, session.user_id, i) for i in ids))
    assert sorted(str(type(result).__name__) for result in results) == ["OpenedReply", "str"]
    assert "reply_running" in results


@pytest.mark.django_db(transaction=True)
def test_a_call_and_a_reply_that_open_at_once_never_both_go_on(session: Session) -> None:
    user_id, session_id = session.user_id, UUID(str(session.id))
    results = _at_once(lambda: open_reply(session_id, user_id, "m1"), lambda: new_call(session))
    assert Call.objects.filter(ended_at=None).count() == 1
    if isinstance(reply := results[0], OpenedReply):
        assert renew_lease(reply.reply_id, reply.attempt) is Lease.STOPPED
    else:
        assert reply == "call_live"
