"""What is reserved, and which models have no known price."""

from decimal import Decimal

import pytest

from backend import catalogue
from backend.spending.prices import usage_of_clip, usd_of_answer, usd_of_talk


def test_a_minute_of_talk_costs_about_ten_cents() -> None:
    usd = usd_of_talk("gpt-realtime", "gpt-transcribe")
    assert usd is not None
    assert Decimal("0.09") < usd < Decimal("0.12")


def test_every_model_of_the_catalogue_with_prices_can_be_reserved() -> None:
    for model in catalogue.REALTIME_MODELS:
        assert usd_of_talk(model, "gpt-transcribe") is not None, model
    for model in catalogue.TEXT_MODELS:
        assert usd_of_answer(model, 12_000) is not None, model
    unknown = [
        model
        for model in catalogue.TRANSCRIPTION_MODELS
        if usd_of_talk("gpt-realtime", model) is None
    ]
    assert unknown == ["gpt-4o-transcribe-diarize"]


@pytest.mark.parametrize(
    ("model", "transcription_model"), [("mine", "gpt-transcribe"), ("gpt-realtime", "mine")]
)
def test_an_unknown_price_is_none(model: str, transcription_model: str) -> None:
    assert usd_of_talk(model, transcription_model) is None
    assert usd_of_answer("mine", 12_000) is None


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-transcribe"])
def test_a_clip_is_estimated_by_its_length(model: str) -> None:
    usage = usage_of_clip("clip_1", model, 60)
    assert usage is not None
    usd = catalogue.cost_usd(usage, model)
    assert usd is not None
    assert Decimal("0.004") < usd < Decimal("0.01")
    assert usage_of_clip("clip_1", "mine", 60) is None
