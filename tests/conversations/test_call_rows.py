"""Rows of calls in written-out SQL, against those that the ORM writes and reads."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.conversations import call_rows
from backend.conversations.models import Call, Reply, Session, Turn
from backend.database import atomic
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from tests.conversations.equipment import NOON, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LATER = NOON + timedelta(seconds=30, microseconds=1)


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def new_row(session: Session, **changed: Any) -> call_rows.NewCall:
    call = call_rows.NewCall(
        uuid4(), session.pk, "host:1:2", "azure", "モデル 'a' %s", "gpt-transcribe", "webrtc",
        100_000, NOON - timedelta(days=1), NOON, LATER,
    )  # fmt: skip
    return call._replace(**changed)


@pytest.mark.parametrize("login_at", [NOON, None])
def test_a_row_is_as_the_orm_writes_it(session: Session, login_at: object) -> None:
    call = new_row(session, login_at=login_at)
    call_rows.insert(call)
    (written,) = Call.objects.values()
    Call.objects.all().delete()
    Call.objects.create(**call._asdict())
    assert Call.objects.values().get() == written


def test_the_open_call_of_a_session_is_found_and_no_other(owner: User, session: Session) -> None:
    assert call_rows.open_call_in(session.pk) is None
    ended, call = new_row(session, first_position=0), new_row(session)
    call_rows.insert(ended)
    call_rows.write_ending(ended.id, Ending.IDLE, LATER)
    call_rows.insert(call)
    call_rows.insert(new_row(new_session(owner)))
    found = call_rows.open_call_in(session.pk)
    assert found == (call.id, call.worker, call.started_at, call.lease_until)


def test_an_opened_call_is_written_to_its_session(session: Session) -> None:
    call_rows.take_positions(new_row(session), 200_000)
    session.refresh_from_db()
    assert (session.provider, session.model) == ("azure", "モデル 'a' %s")
    assert (session.next_position, session.updated_at) == (200_000, NOON)


@dataclass(frozen=True)
class Answer:
    status: TurnStatus
    lease: timedelta
    runs: bool


@pytest.mark.parametrize(
    "answer",
    [
        Answer(TurnStatus.IN_PROGRESS, timedelta(seconds=1), runs=True),
        Answer(TurnStatus.IN_PROGRESS, timedelta(), runs=False),
        Answer(TurnStatus.COMPLETED, timedelta(seconds=1), runs=False),
    ],
)
def test_an_answer_runs_while_it_is_in_progress_and_has_a_lease(
    owner: User, session: Session, answer: Answer
) -> None:
    Reply.objects.create(
        session=session, message_id="m1", first_position=0, status=answer.status,
        started_at=NOON, lease_until=NOON + answer.lease,
    )  # fmt: skip
    assert call_rows.has_running_reply(session.pk, NOON) is answer.runs
    assert not call_rows.has_running_reply(new_session(owner).pk, NOON)


def test_a_call_is_locked_and_ended_with_its_turns_in_progress(session: Session) -> None:
    assert call_rows.lock_call(uuid4()) is None
    call, other = new_row(session), new_row(session, first_position=0)
    call_rows.insert(other)
    call_rows.write_ending(other.id, Ending.IDLE, LATER)
    call_rows.insert(call)
    for item_id, call_id, status in (
        ("a", call.id, TurnStatus.IN_PROGRESS),
        ("b", call.id, TurnStatus.FAILED),
        ("c", other.id, TurnStatus.IN_PROGRESS),
    ):
        Turn.objects.create(
            session=session, call_id=call_id, item_id=item_id, role="user", modality="voice",
            status=status, position=0,
        )  # fmt: skip
    with atomic(), CaptureQueriesContext(connection) as queries:
        locked = call_rows.lock_call(call.id)
        assert locked is not None
        call_rows.write_ending(call.id, Ending.CLIENT_LEFT, LATER)
    assert (locked.ending, locked.started_at) == ("", NOON)
    assert abs(locked.now - timezone.now()) < timedelta(minutes=1)
    (query,) = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
    assert query.endswith("FOR NO KEY UPDATE") is (connection.vendor == "postgresql")
    row = Call.objects.get(pk=call.id)
    assert (row.ending, row.ended_at) == (Ending.CLIENT_LEFT, LATER)
    statuses = Turn.objects.order_by("item_id").values_list("status", flat=True)
    assert list(statuses) == [TurnStatus.INTERRUPTED, TurnStatus.FAILED, TurnStatus.IN_PROGRESS]
    again = call_rows.lock_call(call.id)
    assert again is not None
    assert again.ending == Ending.CLIENT_LEFT
