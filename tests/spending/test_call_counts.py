"""The calls that count for the limits, in written-out SQL."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Call, Session
from backend.protocol.endings import Ending
from backend.spending.call_counts import SLACK, calls_of_the_hour, open_call_groups
from backend.spending.limits import CONTINUES_WITHIN, HOUR, PastCall
from tests.conversations.equipment import NOON, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SECOND = timedelta(seconds=1)


def new_row(user: User, **changed: object) -> Call:
    """An open call in a session of its own, which was active at noon."""
    session = new_session(user)
    Session.objects.filter(pk=session.pk).update(updated_at=NOON)
    fields = {
        "worker": "here", "model": "m", "transcription_model": "t", "first_position": 0,
        "started_at": NOON - SECOND, "lease_until": NOON + SECOND,
    }  # fmt: skip
    return Call.objects.create(session=session, **fields | changed)


def test_open_calls_are_counted_by_user_worker_and_models(owner: User, stranger: User) -> None:
    first, *_ = [new_row(owner) for _ in range(3)]
    new_row(owner, worker="there")
    new_row(owner, transcription_model="other")
    new_row(stranger, model="other")
    new_row(owner, lease_until=NOON)
    new_row(owner, ended_at=NOON, ending=Ending.IDLE)
    others = [
        (owner.pk, "here", "m", "other", 1),
        (owner.pk, "there", "m", "t", 1),
        (stranger.pk, "here", "other", "t", 1),
    ]
    assert sorted(open_call_groups(NOON)) == sorted([(owner.pk, "here", "m", "t", 3), *others])
    without_one = open_call_groups(NOON, first.session_id)
    assert sorted(without_one) == sorted([(owner.pk, "here", "m", "t", 2), *others])
    assert sorted(open_call_groups(NOON, uuid4())) == sorted(open_call_groups(NOON))


def test_the_calls_of_the_hour_are_those_that_began_end_or_may_go_on_in_it(
    owner: User, stranger: User
) -> None:
    before = NOON - HOUR
    long_ago = {"started_at": before - HOUR, "ending": Ending.IDLE}
    counted = [
        new_row(owner),
        new_row(owner, started_at=before - HOUR),
        new_row(owner, started_at=before + SECOND, ended_at=NOON, ending=Ending.IDLE),
        new_row(owner, ended_at=before - CONTINUES_WITHIN + SECOND, **long_ago),
    ]
    new_row(owner, ended_at=before - CONTINUES_WITHIN, **long_ago)
    new_row(stranger)
    quiet = new_row(owner)
    Session.objects.filter(pk=quiet.session_id).update(updated_at=before - SLACK)
    deleted = counted[0].session_id
    Session.objects.filter(pk=deleted).update(deleted_at=NOON)

    def key(call: PastCall) -> UUID:
        return call.session_id

    wanted = [PastCall(each.session_id, each.started_at, each.ended_at) for each in counted]
    assert sorted(calls_of_the_hour(owner.pk, NOON), key=key) == sorted(wanted, key=key)
