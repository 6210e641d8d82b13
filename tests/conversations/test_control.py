"""Requested endings in the rows, and what is published about them."""

import functools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from backend.accounts import tokens
from backend.conversations import control, lifecycle
from backend.conversations.models import Call, Session
from backend.conversations.written_files import WrittenFiles
from backend.database import rows_of
from backend.protocol.endings import Ending
from backend.redis_client import RedisAway
from tests.conversations.equipment import new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

T = Callable[["FakeRedis"], int]


class FakeRedis:
    """Stands in for the shared Redis, and remembers the ids that were published."""

    def __init__(self) -> None:
        self.published: list[list[str]] = []
        self.is_away = False
        self.receivers = 2

    def run(self, work: T) -> int:
        if self.is_away:
            raise RedisAway
        return work(self)

    def publish(self, channel: str, message: str) -> int:
        assert channel == control.CHANNEL
        self.published.append(json.loads(message))
        return self.receivers


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    shared = FakeRedis()
    monkeypatch.setattr(control, "shared_redis", lambda: shared)
    return shared


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


@pytest.fixture
def call_id(session: Session) -> UUID:
    return new_call(session).call_id


def test_a_requested_end_is_in_the_row_and_published(
    shared: FakeRedis, call_id: UUID, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert control.request_end(call_id)
    assert lifecycle.renew_leases([call_id]) == {call_id: Ending.COMPLETED}
    assert shared.published == [[str(call_id)]]


def test_the_requested_ending_is_how_the_call_ends(call_id: UUID) -> None:
    assert control.request_end(call_id, Ending.IDLE)
    assert lifecycle.renew_leases([call_id]) == {call_id: Ending.IDLE}
    assert Call.objects.get(pk=call_id).ending == "", "its process writes the ending"


def test_a_revoked_login_counts_more_than_a_requested_ending(call_id: UUID, owner: User) -> None:
    control.request_end(call_id)
    tokens.revoke(owner.pk)
    assert lifecycle.renew_leases([call_id]) == {call_id: Ending.REVOKED}


def test_a_call_that_was_presumed_dead_is_not_reopened_to_end(call_id: UUID) -> None:
    control.request_end(call_id)
    lifecycle.end_call(call_id, Ending.INTERRUPTED)
    assert lifecycle.renew_leases([call_id]) == {call_id: Ending.COMPLETED}
    assert Call.objects.get(pk=call_id).ended_at is not None


def test_what_has_ended_or_is_unknown_cannot_be_ended(shared: FakeRedis, call_id: UUID) -> None:
    lifecycle.end_call(call_id, Ending.CLIENT_LEFT)
    assert not control.request_end(call_id)
    assert not control.request_end(uuid4())
    assert shared.published == []


def test_nothing_is_published_for_a_change_that_is_rolled_back(
    shared: FakeRedis, call_id: UUID
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        control.request_end(call_id)
        raise ZeroDivisionError
    assert lifecycle.renew_leases([call_id]) == {}
    assert shared.published == []


@pytest.mark.parametrize(("receivers", "is_away"), [(2, False), (0, False), (2, True)])
def test_a_take_over_is_requested_whether_or_not_redis_is_there(
    shared: FakeRedis, session: Session, call_id: UUID, receivers: int, is_away: bool
) -> None:
    shared.receivers, shared.is_away = receivers, is_away
    assert control.request_take_over(session.pk, session.user_id)
    assert lifecycle.renew_leases([call_id]) == {call_id: Ending.TAKEN_OVER}


def test_the_call_of_a_dead_process_is_not_worth_waiting_for(
    session: Session, call_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "is_dead", lambda worker: worker == "here")
    assert not control.request_take_over(session.pk, session.user_id)
    Call.objects.update(worker="elsewhere")
    assert control.request_take_over(session.pk, session.user_id)
    lifecycle.end_call(call_id, Ending.CLIENT_LEFT)
    assert not control.request_take_over(session.pk, session.user_id)


def test_calls_to_end_are_those_that_another_process_has_changed(session: Session) -> None:
    other = new_session(session.user)
    ended, open_one = new_call(session).call_id, new_call(other).call_id
    assert control.calls_to_end([ended, open_one]) == []
    new_call(session)
    assert control.calls_to_end([ended, open_one]) == [ended]
    control.request_end(open_one)
    assert control.calls_to_end([open_one]) == [open_one]
    assert control.calls_to_end([]) == []


def in_another_thread(work: Callable[..., object], *args: object) -> None:
    """Do this on a connection of its own."""

    def done() -> None:
        try:
            work(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(done).result()


@pytest.mark.django_db(transaction=True)
def test_a_poll_finds_what_another_connection_has_written(
    owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second = (new_call(new_session(owner)).call_id for _ in range(2))
    poll, is_sqlite = control.Poll(), connection.vendor == "sqlite"
    assert poll.calls_to_end([first]) == []
    with django_assert_num_queries(1):
        assert poll.calls_to_end([first]) == []
    with django_assert_num_queries(2 if is_sqlite else 1):
        assert poll.calls_to_end([first, second]) == []
    in_another_thread(control.request_end, first)
    for _ in range(2):
        assert poll.calls_to_end([first, second]) == [first]
    assert poll.calls_to_end([second]) == []
    in_another_thread(lifecycle.end_call, second, Ending.COMPLETED)
    assert poll.calls_to_end([second]) == [second]
    assert poll.calls_to_end([]) == []


@pytest.fixture
def settled_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last write to the database's files is an hour old."""
    later_s = time.time() + 3600
    of_old_files = functools.partial(WrittenFiles, wall_s=lambda: later_s)
    monkeypatch.setattr(control, "WrittenFiles", of_old_files)


@pytest.mark.usefixtures("settled_files")
@pytest.mark.django_db(transaction=True)
def test_a_poll_goes_to_its_thread_only_if_something_may_be_found(owner: User) -> None:
    first, second = (new_call(new_session(owner)).call_id for _ in range(2))
    poll, is_sqlite = control.Poll(), connection.vendor == "sqlite"
    assert poll.may_find([first])
    assert poll.calls_to_end([first]) == []
    assert poll.may_find([first]) is not is_sqlite
    assert poll.may_find([first, second])
    in_another_thread(control.request_end, first)
    assert poll.may_find([first])
    assert poll.calls_to_end([first]) == [first]
    assert poll.may_find([first]), "until it has ended"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks the files of SQLite")
@pytest.mark.usefixtures("settled_files")
@pytest.mark.django_db(transaction=True)
def test_a_write_while_the_poll_asks_is_found_by_the_next(
    call_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = control.calls_to_end

    def ask_and_be_late(call_ids: list[UUID]) -> list[UUID]:
        found = ask(call_ids)
        in_another_thread(control.request_end, call_id)
        return found

    poll = control.Poll()
    monkeypatch.setattr(control, "calls_to_end", ask_and_be_late)
    assert poll.calls_to_end([call_id]) == []
    assert poll.may_find([call_id])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a pragma of SQLite")
@pytest.mark.django_db
def test_a_commit_waits_for_no_disk() -> None:
    # `written_files` counts on it.
    assert rows_of("PRAGMA synchronous") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_a_poll_right_after_a_write_is_no_reason_to_skip_the_next(call_id: UUID) -> None:
    poll = control.Poll()
    assert poll.calls_to_end([call_id]) == []
    assert poll.may_find([call_id])


def test_nobody_takes_over_the_call_of_another_user(
    shared: FakeRedis, session: Session, call_id: UUID, stranger: User
) -> None:
    assert not control.request_take_over(session.pk, stranger.pk)
    assert lifecycle.renew_leases([call_id]) == {}
    assert shared.published == []


def test_a_take_over_is_requested_without_redis(session: Session, call_id: UUID) -> None:
    assert control.request_take_over(session.pk, session.user_id)
    assert lifecycle.renew_leases([call_id]) == {call_id: Ending.TAKEN_OVER}


def test_opening_a_call_publishes_the_one_that_it_ends(
    shared: FakeRedis, session: Session, call_id: UUID
) -> None:
    assert shared.published == []
    new_call(session)
    assert shared.published == [[str(call_id)]]


def test_an_active_users_rename_publishes_nothing(
    shared: FakeRedis,
    call_id: UUID,
    owner: User,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        owner.first_name = "Aoi"
        owner.save()
    assert shared.published == []


def test_a_failure_to_publish_is_no_error(shared: FakeRedis, call_id: UUID) -> None:
    shared.is_away = True
    assert not control.publish([call_id])
    assert not control.publish([])


@pytest.mark.parametrize("message", [b"", b"{", b"null", b"[1]", b'["x"]', b"[" * 100_000, b"\xff"])
def test_a_message_that_is_not_ours_has_no_ids(message: bytes) -> None:
    assert control.call_ids_in(message) == []


def test_a_message_of_ours_has_its_ids(shared: FakeRedis) -> None:
    ids = [uuid4(), uuid4()]
    control.publish(ids)
    assert control.call_ids_in(json.dumps(shared.published[0]).encode()) == ids
