"""Which minutes are kept when calls are deleted."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from backend.conversations.models import Call, Session
from backend.spending.models import DeletedTalk
from tests.conversations.equipment import new_call, new_session

pytestmark = pytest.mark.django_db


def test_the_times_of_a_deleted_call_are_kept(owner: User) -> None:
    call = Call.objects.get(pk=new_call(new_session(owner)).call_id)
    Session.objects.all().delete()
    kept = DeletedTalk.objects.get()
    assert (kept.user_id, kept.started_at) == (owner.pk, call.started_at)
    # It was open until now.
    assert timezone.now() - kept.ended_at < timedelta(minutes=1)


def test_a_call_that_ended_days_ago_is_not_kept(owner: User) -> None:
    call_id = new_call(new_session(owner)).call_id
    long_ago = timezone.now() - timedelta(days=3)
    Call.objects.filter(pk=call_id).update(started_at=long_ago, ended_at=long_ago, ending="idle")
    Session.objects.get(calls=call_id).delete()
    assert not DeletedTalk.objects.exists()


def test_what_was_kept_goes_with_the_user(owner: User, stranger: User) -> None:
    for user in (owner, stranger):
        Session.objects.get(calls=new_call(new_session(user)).call_id).delete()
    owner.delete()
    assert [kept.user_id for kept in DeletedTalk.objects.all()] == [stranger.pk]


def test_of_a_deleted_user_nothing_is_kept(owner: User) -> None:
    new_call(new_session(owner))
    User.objects.filter(pk=owner.pk).delete()
    assert not DeletedTalk.objects.exists()


def test_old_talk_is_deleted(owner: User) -> None:
    old = timezone.now() - timedelta(days=400)
    DeletedTalk.objects.create(user_id=owner.pk, started_at=old, ended_at=old)
    Session.objects.get(calls=new_call(new_session(owner)).call_id).delete()
    assert DeletedTalk.objects.get().ended_at != old
