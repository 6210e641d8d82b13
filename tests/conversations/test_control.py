"""A call ends in any process: its row is ended, and its worker learns so at its heartbeat."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from backend.conversations.control import request_end
from backend.conversations.lifecycle import renew_leases
from backend.conversations.models import Call
from backend.protocol.endings import Ending
from tests.conversations.equipment import new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_a_call_that_must_end_ends_at_its_workers_heartbeat(owner: User) -> None:
    call = new_call(new_session(owner))
    assert renew_leases([call.call_id]) == {}
    request_end(call.call_id)
    assert renew_leases([call.call_id]) == {call.call_id: Ending.COMPLETED}


def test_a_call_that_has_ended_keeps_its_ending(owner: User) -> None:
    call = new_call(new_session(owner))
    Call.objects.update(ended_at=Call.objects.get().lease_until, ending="client_left")
    request_end(call.call_id)
    assert Call.objects.get().ending == "client_left"


def test_a_call_that_was_deleted_is_ignored(owner: User) -> None:
    request_end(uuid4())
    assert not Call.objects.exists()
