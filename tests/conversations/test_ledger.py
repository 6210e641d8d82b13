"""The ledger: estimates and corrections, and usages of sessions and users that are gone."""

from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from backend.conversations.column_fitting import storable_id
from backend.conversations.ledger import UsageWrite
from backend.conversations.lifecycle import OpenedCall
from backend.conversations.models import Session, Usage
from backend.conversations.writing import Written, merged, write, write_replayed
from backend.protocol import usage
from tests.conversations.equipment import new_call, new_session, usage_write

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MODEL = "gpt-realtime"
REAL = usage.Usage("resp_1", "response", audio_out=10_000)
"""0.64 USD."""
GUESS = replace(REAL, audio_out=5_000, is_estimated=True)
LATER_GUESS = replace(GUESS, audio_out=6_000)


@pytest.fixture
def call(owner: User) -> OpenedCall:
    return new_call(new_session(owner))


def costs_of(written: Written) -> list[tuple[str, Decimal | None]]:
    return list(written.costs)


def row() -> tuple[int, bool, Decimal | None]:
    stored = Usage.objects.get()
    return stored.audio_out, stored.is_estimated, stored.cost_usd


def test_a_confirmed_usage_replaces_an_estimate(call: OpenedCall) -> None:
    assert costs_of(write([usage_write(call, GUESS)])) == [(MODEL, Decimal("0.32"))]
    assert row() == (5_000, True, Decimal("0.32"))
    assert costs_of(write([usage_write(call, LATER_GUESS)])) == [(MODEL, Decimal("0.064"))]
    assert costs_of(write([usage_write(call, REAL)])) == [(MODEL, Decimal("0.256"))]
    assert row() == (10_000, False, Decimal("0.64"))


def test_a_usage_is_stored_with_the_message_it_was_paid_for(call: OpenedCall) -> None:
    write([usage_write(call, replace(GUESS, item_id="item_1"))])
    assert Usage.objects.get().item_id == "item_1"
    write([usage_write(call, replace(REAL, item_id="item\0_2"))])
    assert Usage.objects.get().item_id == storable_id("item\0_2")


def test_an_estimate_never_replaces_a_confirmed_usage(call: OpenedCall) -> None:
    write([usage_write(call, REAL), usage_write(call, GUESS)])
    assert write([usage_write(call, GUESS)]).costs == ()
    assert write([usage_write(call, replace(REAL, audio_out=1))]).costs == ()
    assert row() == (10_000, False, Decimal("0.64"))


def test_a_correction_that_costs_less_counts_nothing(call: OpenedCall) -> None:
    write([usage_write(call, replace(GUESS, audio_out=20_000))])
    assert costs_of(write([usage_write(call, REAL)])) == [(MODEL, Decimal(0))]
    assert row() == (10_000, False, Decimal("0.64"))


def test_an_estimate_of_a_dead_process_replaces_no_newer_one(call: OpenedCall) -> None:
    write([usage_write(call, LATER_GUESS)])
    write_replayed([usage_write(call, GUESS)])
    assert row()[:2] == (6_000, True)
    write_replayed([usage_write(call, REAL)])
    assert row()[:2] == (10_000, False)


def test_pending_writes_are_merged_as_the_ledger_would(call: OpenedCall) -> None:
    real, guess, later = (usage_write(call, each) for each in (REAL, GUESS, LATER_GUESS))
    assert merged(guess, later) is later
    assert merged(guess, real) is real
    assert merged(real, guess) is real
    assert merged(real, replace(real)) is real


def test_a_usage_of_a_session_that_is_gone_is_kept_with_its_user(call: OpenedCall) -> None:
    late = UsageWrite(call.session_id, call.call_id, MODEL, REAL, call.user_id)
    other = replace(late, usage=replace(REAL, source_id="resp_2"))
    write([other])
    Session.with_deleted.get().delete()
    for _ in range(2):
        write([late, other])
    stored = Usage.objects.filter(user=call.user_id, session=None, call=None)
    assert {each.source_id for each in stored} == {"resp_1", "resp_2"}
    assert Usage.objects.count() == 2


def test_an_estimate_of_a_session_that_is_gone_is_corrected(call: OpenedCall) -> None:
    late = UsageWrite(call.session_id, call.call_id, MODEL, GUESS, call.user_id)
    write([late])
    Session.with_deleted.get().delete()
    write([replace(late, usage=REAL)])
    assert row() == (10_000, False, Decimal("0.64"))


def test_a_usage_of_a_user_who_is_gone_is_kept_without_them(call: OpenedCall) -> None:
    late = UsageWrite(call.session_id, call.call_id, MODEL, REAL, call.user_id)
    User.objects.all().delete()
    write([late, replace(late, session_id=uuid4(), usage=replace(REAL, source_id="resp_2"))])
    write([late])
    stored = Usage.objects.filter(user=None, session=None, call=None)
    assert {each.source_id for each in stored} == {"resp_1", "resp_2"}
    assert Usage.objects.count() == 2


@pytest.mark.parametrize(
    ("model", "cost_usd", "seconds", "audio_in"),
    [
        ("gpt-transcribe", "0.0045", 60.0, 0),
        # 600 tokens of audio and 180 of text.
        ("gpt-4o-transcribe", "0.0054", 0.0, 600),
        ("somebody-elses", None, 60.0, 0),
    ],
)
def test_an_estimated_transcription_is_priced_in_its_models_unit(
    call: OpenedCall, model: str, cost_usd: str | None, seconds: float, audio_in: int
) -> None:
    heard = usage.Usage("item_1", "transcription", seconds=60.0, is_estimated=True)
    write([UsageWrite(call.session_id, call.call_id, model, heard)])
    stored = Usage.objects.get()
    assert (stored.seconds, stored.audio_in) == (seconds, audio_in)
    assert stored.cost_usd == (None if cost_usd is None else Decimal(cost_usd))


def test_an_estimated_transcription_of_a_deployment_is_priced_as_its_model(
    call: OpenedCall, settings: Settings
) -> None:
    settings.AZURE_DEPLOYMENTS = {"words-eu": "gpt-4o-transcribe"}
    heard = usage.Usage("item_1", "transcription", seconds=60.0, is_estimated=True)
    write([UsageWrite(call.session_id, call.call_id, "words-eu", heard)])
    stored = Usage.objects.get()
    assert (stored.model, stored.audio_in) == ("words-eu", 600)
    assert stored.cost_usd == Decimal("0.0054")
