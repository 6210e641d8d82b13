"""The notes of calls that are not hung up: which of them a process has left behind."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from backend.conversations import lifecycle
from backend.conversations.models import Call
from backend.direct import provider_calls
from backend.direct.models import ProviderCall
from backend.direct.provider_calls import LATE_LEASE, LONGEST_CALL, forget, note, orphans
from backend.protocol.endings import Ending
from tests.conversations.equipment import new_call, new_session

pytestmark = pytest.mark.django_db


def orphaned(own: tuple[str, ...] = ()) -> list[UUID]:
    return [each.call_id for each in orphans(own)]


def noted(call_id: UUID) -> UUID:
    note(call_id, "openai", f"rtc_{call_id.hex}")
    return call_id


def test_a_call_is_an_orphan_once_its_row_has_ended(owner: User) -> None:
    assert not provider_calls.has_any()
    call_id = noted(new_call(new_session(owner)).call_id)
    assert provider_calls.has_any()
    assert orphaned() == []
    lifecycle.end_call(call_id, Ending.CLIENT_LEFT)
    assert orphaned() == [call_id]
    assert orphaned((str(call_id),)) == [], "this process hangs it up itself"
    forget(call_id)
    assert orphaned() == []


def test_a_call_whose_row_is_gone_is_an_orphan(owner: User) -> None:
    call_id = noted(uuid4())
    assert orphaned() == [call_id]


def test_a_note_is_dropped_when_the_provider_has_ended_the_call_by_itself(owner: User) -> None:
    noted(uuid4())
    ProviderCall.objects.update(created_at=Now() - LONGEST_CALL - timedelta(seconds=1))
    assert orphaned() == []
    assert not ProviderCall.objects.exists()


def test_a_call_of_a_worker_that_may_live_is_an_orphan_only_when_its_lease_is_long_over(
    owner: User,
) -> None:
    call_id = noted(new_call(new_session(owner)).call_id)
    late = Call.objects.filter(pk=call_id)
    late.update(lease_until=Now() - timedelta(seconds=1))
    assert lifecycle.reap() == [call_id]
    assert orphaned() == []
    assert lifecycle.renew_leases([call_id]) == {}, "its worker lives, and goes on with it"

    late.update(lease_until=Now() - LATE_LEASE - timedelta(seconds=1))
    assert lifecycle.reap() == [call_id]
    assert orphaned() == [call_id]


def test_a_call_of_a_worker_that_is_known_to_be_dead_is_an_orphan_at_once(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = noted(new_call(new_session(owner)).call_id)
    monkeypatch.setattr(lifecycle, "is_dead", lambda worker: True)
    monkeypatch.setattr(provider_calls, "is_dead", lambda worker: True)
    assert lifecycle.reap() == [call_id]
    assert orphaned() == [call_id]
