"""The laws that the database itself keeps."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.conversations.models import Call, Session, Usage
from tests.conversations.equipment import kept_turn, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def test_a_turn_is_told_once(session: Session) -> None:
    kept_turn(session)
    with pytest.raises(IntegrityError), transaction.atomic():
        kept_turn(session, position=7)


@pytest.mark.parametrize("fields", [{"role": "system"}, {"modality": "smell"}, {"status": "lost"}])
def test_a_turn_uses_only_our_words(session: Session, fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        kept_turn(session, None, **fields)


def test_a_usage_is_counted_once_per_source_and_kind(session: Session) -> None:
    Usage.objects.create(session=session, source_id="a", kind="response")
    Usage.objects.create(session=session, source_id="a", kind="transcription")
    with pytest.raises(IntegrityError), transaction.atomic():
        Usage.objects.create(session=session, source_id="a", kind="response")


@pytest.mark.parametrize(
    "fields",
    [
        {"ended_at": timezone.now() + timedelta(hours=1)},
        {"ending": "client_left"},
        {"ending": "client_left", "ended_at": timezone.now() - timedelta(hours=1)},
    ],
    ids=["ended without an ending", "an ending without an end", "ended before it started"],
)
def test_a_call_has_an_ending_exactly_when_it_has_ended(
    session: Session, fields: dict[str, object]
) -> None:
    new_call(session)
    with pytest.raises(IntegrityError), transaction.atomic():
        Call.objects.update(**fields)


def test_a_session_speaks_only_our_languages(session: Session) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.objects.update(language="fr")


def test_everything_says_what_it_is(session: Session) -> None:
    assert str(session) == str(session.id)
    session.title = "Bread"
    assert str(session) == "Bread"
    call = Call.objects.get(pk=new_call(session).call_id)
    assert str(call).endswith("live")
    assert str(kept_turn(session)) == "user item_1"
    assert str(Usage(kind="response", source_id="resp_1")) == "response resp_1"
