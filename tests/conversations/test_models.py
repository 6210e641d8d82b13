"""The constraints that the database itself enforces."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from backend.conversations.models import Call, PeriodicJob, Session, Usage
from tests.conversations.equipment import kept_turn, new_call, new_session

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def session(owner: User) -> Session:
    return new_session(owner)


def test_a_turn_is_stored_once_per_item_and_content_index(session: Session) -> None:
    kept_turn(session)
    with pytest.raises(IntegrityError), transaction.atomic():
        kept_turn(session, position=7)


@pytest.mark.parametrize(
    ("chosen", "effective"), [("", "cedar"), ("sage", "sage"), ("retired", "cedar")]
)
def test_a_sessions_voice_is_the_chosen_one_or_the_settings(
    session: Session, settings: Settings, chosen: str, effective: str
) -> None:
    settings.REALTIME_VOICE = "cedar"
    session.voice = chosen
    assert session.effective_voice == effective


@pytest.mark.parametrize("fields", [{"role": "system"}, {"modality": "smell"}, {"status": "lost"}])
def test_a_turn_has_a_known_role_modality_and_status(
    session: Session, fields: dict[str, object]
) -> None:
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


def test_a_session_has_a_known_language(session: Session) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.objects.update(language="fr")


def test_a_title_has_a_known_source(session: Session) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.objects.update(title_source="nobody")


@pytest.mark.parametrize(
    "fields", [{"cost_usd": Decimal(1)}, {"price_date": date(2026, 11, 21)}], ids=str
)
def test_a_cost_has_the_date_of_its_prices(session: Session, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Usage.objects.create(session=session, source_id="a", kind="response", **fields)


def test_every_model_has_a_readable_name(session: Session) -> None:
    assert str(session) == str(session.id)
    session.title = "Bread"
    assert str(session) == "Bread"
    call = Call.objects.get(pk=new_call(session).call_id)
    assert str(call).endswith("live")
    assert str(kept_turn(session)) == "user item_1"
    assert str(Usage(kind="response", source_id="resp_1")) == "response resp_1"
    assert str(PeriodicJob(name="clean_up")) == "clean_up"
