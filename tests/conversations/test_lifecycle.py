"""Call rows: opening, take-over, lease, revocation, reaping, ending; positions of exchanges."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from backend.accounts import tokens
from backend.conversations import lifecycle
from backend.conversations.lifecycle import (
    LEASE,
    GivenUp,
    check_can_open,
    end_call,
    open_call,
    open_exchange,
    reap,
    renew_leases,
)
from backend.conversations.models import Call, Session
from backend.conversations.process_liveness import process_name
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from tests.conversations.equipment import kept_turn, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner, title="Bread", language="ja")


def row(call_id: UUID) -> Call:
    return Call.objects.get(pk=call_id)


def expire_leases() -> None:
    Call.objects.filter(ended_at=None).update(
        started_at=F("started_at") - timedelta(minutes=5),
        lease_until=F("lease_until") - timedelta(minutes=2),
    )


def test_it_opens_with_the_sessions_fields(session: Session) -> None:
    opened = new_call(session, worker="worker-7")
    assert (opened.session_id, opened.language, opened.voice) == (session.id, "ja", "marin")
    assert (opened.first_position, opened.past) == (0, ())
    call = row(opened.call_id)
    assert (call.worker, call.ended_at, call.ending) == ("worker-7", None, "")
    assert call.lease_until - call.started_at == LEASE


def test_a_voice_and_a_language_that_change_during_a_call_are_the_next_calls(
    session: Session,
) -> None:
    running = new_call(session)
    Session.objects.update(voice="cedar", language="en")
    assert (running.voice, running.language) == ("marin", "ja")
    following = new_call(session)
    assert (following.voice, following.language) == ("cedar", "en")


@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_it_opens_only_the_users_own_sessions(session: Session, stranger: User, who: str) -> None:
    session_id = session.id if who == "stranger" else uuid4()
    with pytest.raises(AdmissionRefused) as refusal:
        open_call(
            session_id,
            stranger.pk,
            worker="here",
            model="gpt-realtime",
            transcription_model="gpt-transcribe",
        )
    assert (refusal.value.code, refusal.value.ending) == ("session_unknown", Ending.FORBIDDEN)


def test_it_does_not_open_on_a_closed_session(session: Session) -> None:
    Session.objects.update(closed_at=timezone.now())
    with pytest.raises(AdmissionRefused) as refusal:
        new_call(session)
    assert refusal.value.code == "session_closed"


def test_a_newer_call_takes_over_and_has_later_positions(session: Session) -> None:
    first, second = new_call(session), new_call(session)
    assert row(first.call_id).ending == Ending.TAKEN_OVER
    assert row(second.call_id).ended_at is None
    assert (first.first_position, second.first_position) == (0, 100_000)


def test_the_calls_of_a_process_that_is_known_to_be_dead_do_not_wait_for_their_lease(
    session: Session,
) -> None:
    host, pid, started_at = process_name().rsplit(":", 2)
    dead = f"{host}:{pid}:{int(started_at) - 1}"
    first = new_call(session)
    Call.objects.update(worker=dead)
    second = new_call(session)
    assert row(first.call_id).ending == Ending.INTERRUPTED
    assert second.interrupted_call_id == first.call_id
    assert reap() == []
    Call.objects.filter(pk=second.call_id).update(worker=dead)
    assert reap() == [second.call_id]
    assert row(second.call_id).ending == Ending.INTERRUPTED


def test_whether_a_call_can_open_is_found_out_without_a_change(session: Session) -> None:
    running = new_call(session)
    check_can_open(session.pk, session.user_id)
    assert Call.objects.get().pk == running.call_id
    assert Call.objects.get().ended_at is None
    with pytest.raises(AdmissionRefused, match="session_unknown"):
        check_can_open(session.pk, session.user_id + 1)


def test_a_call_that_was_given_up_does_not_take_over(session: Session) -> None:
    first = new_call(session)
    with pytest.raises(GivenUp):
        new_call(session, is_given_up=lambda: True)
    assert [call.id for call in Call.objects.all()] == [first.call_id]
    assert row(first.call_id).ended_at is None


def test_a_call_that_is_given_up_at_the_last_moment_does_not_stay_open(session: Session) -> None:
    asked = iter([False, True])
    with pytest.raises(GivenUp):
        new_call(session, is_given_up=lambda: next(asked))
    assert [call.ending for call in Call.objects.all()] == [Ending.INTERNAL]


def test_a_newer_call_does_not_take_over_from_a_dead_worker(session: Session) -> None:
    dead = new_call(session)
    expire_leases()
    last_renewal = row(dead.call_id).lease_until - LEASE
    new_call(session)
    call = row(dead.call_id)
    assert (call.ending, call.ended_at) == (Ending.INTERRUPTED, last_renewal)


def test_it_returns_the_earlier_turns(session: Session) -> None:
    first = new_call(session)
    kept_turn(session, first, text="Do you have bread?")
    assert [item.text for item in new_call(session).past] == ["Do you have bread?"]


def test_the_first_ending_wins(session: Session) -> None:
    call_id = new_call(session).call_id
    end_call(call_id, Ending.CLIENT_LEFT)
    ended_at = row(call_id).ended_at
    end_call(call_id, Ending.INTERNAL)
    assert (row(call_id).ending, row(call_id).ended_at) == (Ending.CLIENT_LEFT, ended_at)


def test_ending_a_deleted_call_does_nothing(db: None) -> None:
    end_call(uuid4(), Ending.CLIENT_LEFT)
    assert not Call.objects.exists()


def test_no_turn_stays_in_progress_after_its_call(session: Session) -> None:
    opened = new_call(session)
    kept = kept_turn(session, opened, status="in_progress")
    end_call(opened.call_id, Ending.PROVIDER_FAILED)
    kept.refresh_from_db()
    assert kept.status == "interrupted"


def test_a_heartbeat_renews_the_lease(session: Session) -> None:
    opened = new_call(session)
    Call.objects.update(lease_until=F("lease_until") - timedelta(seconds=20))
    before = row(opened.call_id).lease_until
    assert renew_leases([opened.call_id]) == {}
    assert row(opened.call_id).lease_until - before > timedelta(seconds=19)


def test_a_heartbeat_of_calls_that_go_on_makes_two_queries(
    session: Session, stranger: User, django_assert_num_queries: Any
) -> None:
    calls = [new_call(each).call_id for each in (session, new_session(stranger))]
    with django_assert_num_queries(2):
        assert renew_leases(calls) == {}


def test_a_heartbeat_without_dead_calls_reaps_with_one_query(
    session: Session, stranger: User, django_assert_num_queries: Any
) -> None:
    for each in (session, new_session(stranger)):
        new_call(each)
    with django_assert_num_queries(1):
        assert reap() == []


def test_a_lease_is_renewed_from_the_databases_time(session: Session) -> None:
    opened = new_call(session)
    Call.objects.update(lease_until=F("lease_until") - timedelta(seconds=20))
    assert renew_leases([opened.call_id]) == {}
    assert abs(row(opened.call_id).lease_until - timezone.now() - LEASE) < timedelta(seconds=5)


def test_a_heartbeat_does_not_renew_other_leases(session: Session, stranger: User) -> None:
    other = new_call(new_session(stranger))
    before = row(other.call_id).lease_until
    renew_leases([new_call(session).call_id])
    assert row(other.call_id).lease_until == before


def test_a_heartbeat_ends_the_earlier_call_as_taken_over(session: Session) -> None:
    first, second = new_call(session, worker="here"), new_call(session, worker="there")
    assert renew_leases([first.call_id, second.call_id]) == {first.call_id: Ending.TAKEN_OVER}


def test_a_heartbeat_revokes_the_calls_of_a_logged_out_user(session: Session, owner: User) -> None:
    opened = new_call(session)
    tokens.revoke(owner.pk)
    assert renew_leases([opened.call_id]) == {opened.call_id: Ending.REVOKED}


def test_another_login_later_does_not_keep_the_call_alive(session: Session, owner: User) -> None:
    opened = new_call(session)
    tokens.revoke(owner.pk)
    tokens.key_for(owner)
    assert renew_leases([opened.call_id]) == {opened.call_id: Ending.REVOKED}
    assert renew_leases([new_call(session).call_id]) == {}


def test_a_heartbeat_revokes_the_calls_of_a_disabled_user(session: Session) -> None:
    opened = new_call(session)
    User.objects.update(is_active=False)
    assert renew_leases([opened.call_id]) == {opened.call_id: Ending.REVOKED}


def test_a_heartbeat_ends_the_calls_of_closed_and_deleted_sessions(
    session: Session, stranger: User
) -> None:
    closed, deleted = new_call(session), new_call(new_session(stranger))
    Session.objects.filter(pk=session.pk).update(closed_at=timezone.now())
    Session.objects.filter(user=stranger).delete()
    expected = {closed.call_id: Ending.COMPLETED, deleted.call_id: Ending.COMPLETED}
    assert renew_leases([closed.call_id, deleted.call_id]) == expected


def test_a_heartbeat_without_calls_does_nothing(db: None) -> None:
    assert renew_leases([]) == {}


def test_a_dead_workers_call_ends_as_interrupted_at_its_last_renewal(
    session: Session,
) -> None:
    opened = new_call(session)
    kept = kept_turn(session, opened, status="in_progress")
    expire_leases()
    last_renewal = row(opened.call_id).lease_until - LEASE
    assert reap() == [opened.call_id]
    call = row(opened.call_id)
    assert (call.ending, call.ended_at) == (Ending.INTERRUPTED, last_renewal)
    kept.refresh_from_db()
    assert kept.status == "interrupted"
    assert reap() == []


def test_a_call_within_its_lease_is_not_reaped(session: Session) -> None:
    new_call(session)
    assert reap() == []


def test_a_worker_that_was_presumed_dead_reopens_its_call(session: Session) -> None:
    opened = new_call(session)
    expire_leases()
    reap()
    assert renew_leases([opened.call_id]) == {}
    call = row(opened.call_id)
    assert (call.ended_at, call.ending) == (None, "")
    assert reap() == []


def test_a_call_is_not_reopened_if_there_is_a_newer_one(session: Session) -> None:
    first = new_call(session)
    expire_leases()
    reap()
    second = new_call(session)
    assert renew_leases([first.call_id, second.call_id]) == {first.call_id: Ending.TAKEN_OVER}


def test_the_workers_ending_replaces_the_reapers(session: Session) -> None:
    opened = new_call(session)
    expire_leases()
    reap()
    end_call(opened.call_id, Ending.CLIENT_LEFT)
    assert row(opened.call_id).ending == Ending.CLIENT_LEFT


def test_it_never_ends_before_it_started(session: Session) -> None:
    opened = new_call(session)
    Call.objects.update(started_at=timezone.now() + timedelta(hours=1))
    end_call(opened.call_id, Ending.CLIENT_LEFT)
    call = row(opened.call_id)
    assert call.ended_at == call.started_at


def test_the_database_refuses_a_second_open_call(session: Session) -> None:
    call = row(new_call(session).call_id)
    call.pk, call.first_position = uuid4(), 100_000
    with pytest.raises(IntegrityError), transaction.atomic():
        call.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_a_session_can_be_deleted_while_a_call_opens_in_it(owner: User) -> None:
    def both_at_once(session: Session) -> None:
        start = Barrier(2)

        def delete() -> None:
            try:
                start.wait()
                session.delete()
            finally:
                connection.close()

        def call() -> None:
            try:
                start.wait()
                with suppress(AdmissionRefused):
                    new_call(session)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(delete), pool.submit(call)]:
                done.result()

    for _ in range(40):
        both_at_once(new_session(owner))
    assert (Session.objects.count(), Call.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_of_many_calls_opened_at_once_the_last_stays_open(owner: User) -> None:
    session = new_session(owner)
    callers = 6
    start = Barrier(callers)

    def call() -> int:
        try:
            start.wait()
            return new_call(session).first_position
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        positions = list(pool.map(lambda _: call(), range(callers)))
    assert sorted(positions) == [number * 100_000 for number in range(callers)]
    assert Call.objects.filter(ended_at=None).count() == 1
    assert Call.objects.filter(ending=Ending.TAKEN_OVER).count() == callers - 1


def test_an_exchange_between_two_calls_has_the_positions_between_theirs(session: Session) -> None:
    first = new_call(session)
    exchange = open_exchange(session.id, session.user_id)
    second = new_call(session)
    positions = [each.first_position for each in (first, exchange, second)]
    assert positions == [0, 100_000, 200_000]
    assert (exchange.session_id, exchange.language, exchange.past) == (session.id, "ja", ())


def test_an_exchange_does_not_end_a_call_and_knows_the_earlier_turns(session: Session) -> None:
    call = new_call(session)
    kept_turn(session, call, text="Do you have bread?")
    exchange = open_exchange(session.id, session.user_id)
    assert [item.text for item in exchange.past] == ["Do you have bread?"]
    assert row(call.call_id).ended_at is None


@pytest.mark.parametrize(
    ("state", "code"), [("stranger", "session_unknown"), ("closed", "session_closed")]
)
def test_an_exchange_opens_only_on_ones_own_open_session(
    session: Session, stranger: User, state: str, code: str
) -> None:
    Session.objects.update(closed_at=timezone.now() if state == "closed" else None)
    user_id = stranger.pk if state == "stranger" else session.user_id
    with pytest.raises(AdmissionRefused) as refusal:
        open_exchange(session.id, user_id)
    assert (refusal.value.code, refusal.value.ending) == (code, Ending.FORBIDDEN)


def test_a_call_and_its_session_know_their_provider_and_models(session: Session) -> None:
    opened = new_call(session, provider="elsewhere")
    call = row(opened.call_id)
    assert (call.provider, call.model) == ("elsewhere", "gpt-realtime")
    assert call.transcription_model == opened.transcription_model == "gpt-transcribe"
    session.refresh_from_db()
    assert (session.provider, session.model) == ("elsewhere", "gpt-realtime")


def test_opening_takes_no_more_queries_after_many_calls(
    session: Session, django_assert_num_queries: Any
) -> None:
    new_call(session)
    with django_assert_num_queries(10) as early:
        new_call(session)
    for _ in range(20):
        new_call(session)
    with django_assert_num_queries(len(early)):
        new_call(session)
    reads = [query["sql"] for query in early if "FROM conversations_call " in query["sql"]]
    assert len(reads) == 1
    assert "ended_at" in reads[0].partition("WHERE")[2]


def test_it_says_which_call_of_a_dead_worker_it_ended(session: Session) -> None:
    assert new_call(session).interrupted_call_id is None
    dead = new_call(session)
    assert dead.interrupted_call_id is None
    expire_leases()
    assert new_call(session).interrupted_call_id == dead.call_id


def test_ending_returns_the_ending_that_counts(session: Session) -> None:
    call_id = new_call(session).call_id
    assert end_call(call_id, Ending.CLIENT_LEFT) is Ending.CLIENT_LEFT
    assert end_call(call_id, Ending.INTERNAL) is Ending.CLIENT_LEFT
    assert end_call(uuid4(), Ending.INTERNAL) is None


def test_only_calls_that_died_long_enough_ago_are_reaped(session: Session) -> None:
    opened = new_call(session)
    expire_leases()
    assert reap(timedelta(hours=1)) == []
    assert reap(timedelta(minutes=1)) == [opened.call_id]


@pytest.mark.django_db(transaction=True)
def test_calls_and_exchanges_at_once_each_get_positions_of_their_own(owner: User) -> None:
    """The one that takes the session's row lock first comes first."""
    session = new_session(owner)
    openers = 8
    start = Barrier(openers)

    def open_one(number: int) -> int:
        try:
            start.wait()
            if number % 2:
                return open_exchange(session.id, owner.pk).first_position
            return new_call(session).first_position
        finally:
            connection.close()

    with ThreadPoolExecutor(openers) as pool:
        positions = list(pool.map(open_one, range(openers)))
    assert sorted(positions) == [number * 100_000 for number in range(openers)]
    session.refresh_from_db()
    assert session.next_position == openers * 100_000
    calls = Call.objects.values_list("first_position", flat=True)
    assert sorted(calls) == sorted(positions[::2])


@pytest.mark.django_db(transaction=True)
def test_an_exchange_that_waits_for_the_lock_comes_after_the_call_that_holds_it(
    owner: User,
) -> None:
    session = new_session(owner)
    asked, positions = Event(), []

    def exchange() -> None:
        try:
            asked.set()
            positions.append(open_exchange(session.id, owner.pk).first_position)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            call = new_call(session)
            waiting = pool.submit(exchange)
            asked.wait()
            time.sleep(0.1)
            assert positions == []
        waiting.result()
    assert (call.first_position, positions) == (0, [100_000])


def test_the_provider_is_that_of_the_users_own_session(owner: User, stranger: User) -> None:
    session = new_session(owner, provider="azure")
    assert lifecycle.provider_of(session.pk, owner.pk) == "azure"
    assert lifecycle.provider_of(session.pk, stranger.pk) is None
    assert lifecycle.open_exchange(session.pk, owner.pk).provider == "azure"
