"""The stored cost: exact, dated, and unknown rather than zero or too large."""

from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from backend import catalogue
from backend.conversations.stored_cost import stored_cost
from backend.protocol.usage import Usage


def test_a_cost_has_the_date_of_the_prices() -> None:
    used = Usage("resp_1", "response", audio_out=10_000)
    assert stored_cost(used, "gpt-realtime") == (Decimal("0.64"), catalogue.AS_OF)


def test_the_cheapest_token_is_stored_exactly() -> None:
    used = Usage("resp_1", "response", text_in=1, text_in_cached=1)
    cost, _ = stored_cost(used, "gpt-realtime-mini")
    assert cost == Decimal("0.00000006")


def test_seconds_are_rounded_to_the_column() -> None:
    cost, _ = stored_cost(Usage("item_1", "transcription", seconds=1.0), "gpt-transcribe")
    assert cost == Decimal("0.0000750000")


def test_a_deployment_costs_what_its_model_does(settings: Settings) -> None:
    settings.AZURE_DEPLOYMENTS = {"voice-eu": "gpt-realtime"}
    used = Usage("resp_1", "response", audio_out=10_000)
    assert stored_cost(used, "voice-eu") == (Decimal("0.64"), catalogue.AS_OF)
    assert stored_cost(used, "voice-us") == (None, None)


@pytest.mark.parametrize(
    ("used", "model"),
    [
        (Usage("resp_1", "response", text_in=1), "somebody-elses"),
        (Usage("resp_1", "response", text_in=1), ""),
        (Usage("item_1", "transcription", text_in=1), "gpt-realtime"),
        (Usage("item_1", "transcription", seconds=1e300), "gpt-transcribe"),
        (Usage("item_1", "transcription", seconds=1e16), "gpt-transcribe"),
    ],
    ids=["unknown model", "no model", "other kind", "absurd", "too large for the column"],
)
def test_an_unknown_cost_has_no_date(used: Usage, model: str) -> None:
    assert stored_cost(used, model) == (None, None)
