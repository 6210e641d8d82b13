"""Prices, retirement dates and successors; an unknown price is never zero."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backend.catalogue import (
    AS_OF,
    REALTIME_MODELS,
    RETIREMENTS,
    TEXT_MODELS,
    TRANSCRIPTION_MODELS,
    VOICES,
    cost_usd,
    resolve,
    retiring_within,
)
from backend.protocol.usage import TextUsage, Usage
from backend.settings_table import SETTINGS

EVE, DAY = date(2027, 1, 19), date(2027, 1, 20)
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}

USD_PER_MILLION: dict[str, dict[str, Decimal]] = {
    "gpt-realtime": {
        "text_in": Decimal(4),
        "text_out": Decimal(16),
        "audio_in": Decimal(32),
        "audio_out": Decimal(64),
        "image_in": Decimal(5),
    },
    "gpt-realtime-2.1": {
        "text_in": Decimal(4),
        "text_out": Decimal(24),
        "audio_in": Decimal(32),
        "audio_out": Decimal(64),
        "image_in": Decimal(5),
    },
    "gpt-realtime-2.1-mini": {
        "text_in": Decimal("0.60"),
        "text_out": Decimal("2.40"),
        "audio_in": Decimal(10),
        "audio_out": Decimal(20),
        "image_in": Decimal("0.80"),
    },
}
USD_PER_MILLION["gpt-realtime-2025-08-28"] = USD_PER_MILLION["gpt-realtime"]
USD_PER_MILLION["gpt-realtime-1.5"] = USD_PER_MILLION["gpt-realtime"]
USD_PER_MILLION["gpt-realtime-2"] = USD_PER_MILLION["gpt-realtime-2.1"]
USD_PER_MILLION["gpt-realtime-mini"] = USD_PER_MILLION["gpt-realtime-2.1-mini"]
USD_PER_MILLION["gpt-realtime-mini-2025-12-15"] = USD_PER_MILLION["gpt-realtime-2.1-mini"]

CACHED_USD_PER_MILLION = {
    "text_in_cached": (Decimal("0.40"), Decimal("0.06")),
    "audio_in_cached": (Decimal("0.40"), Decimal("0.30")),
    "image_in_cached": (Decimal("0.50"), Decimal("0.08")),
}


def _cost(model: str, **counts: Any) -> Decimal | None:
    return cost_usd(Usage("resp_1", "response", **counts), model)


def _transcription_cost(model: str, **counts: Any) -> Decimal | None:
    return cost_usd(Usage("item_1", "transcription", **counts), model)


def test_every_model_has_its_prices_in_this_test() -> None:
    assert set(USD_PER_MILLION) == set(REALTIME_MODELS)


@pytest.mark.parametrize("model", sorted(USD_PER_MILLION))
@pytest.mark.parametrize("count", ["text_in", "text_out", "audio_in", "audio_out", "image_in"])
def test_a_million_tokens_cost_what_the_page_says(model: str, count: str) -> None:
    assert _cost(model, **{count: 1_000_000}) == USD_PER_MILLION[model][count]


@pytest.mark.parametrize("model", sorted(USD_PER_MILLION))
@pytest.mark.parametrize("count", sorted(CACHED_USD_PER_MILLION))
def test_a_million_cached_tokens_cost_only_the_cached_price(model: str, count: str) -> None:
    given = count.removesuffix("_cached")
    full, mini = CACHED_USD_PER_MILLION[count]
    cost = _cost(model, **{given: 1_000_000, count: 1_000_000})
    assert cost == (mini if "mini" in model else full)


def test_cached_tokens_are_part_of_the_tokens_and_not_added_to_them() -> None:
    # 600,000 at 4.00 and 400,000 at 0.40.
    cost = _cost("gpt-realtime", text_in=1_000_000, text_in_cached=400_000)
    assert cost == Decimal("2.56")


def test_the_example_of_the_providers_guide_costs_what_it_says() -> None:
    cost = _cost(
        "gpt-realtime",
        text_in=119,
        text_in_cached=64,
        audio_in=13,
        text_out=30,
        audio_out=91,
    )
    # 55 × 4 + 64 × 0.4 + 13 × 32 + 30 × 16 + 91 × 64, in millionths.
    assert cost == Decimal("0.0069656")


def test_nothing_used_costs_nothing() -> None:
    assert _cost("gpt-realtime") == 0


@pytest.mark.parametrize("model", ["gpt-realtime-9", "my-deployment", "", "gpt-transcribe"])
def test_an_unknown_model_has_an_unknown_cost(model: str) -> None:
    assert _cost(model, text_in=1) is None
    assert _cost(model) is None


@pytest.mark.parametrize(
    ("model", "usd_per_hour"),
    [
        ("gpt-transcribe", "0.27"),
        ("gpt-live-transcribe", "1.02"),
        ("gpt-realtime-whisper", "1.02"),
        ("whisper-1", "0.36"),
    ],
)
def test_an_hour_of_transcription_costs_what_the_page_says(model: str, usd_per_hour: str) -> None:
    assert _transcription_cost(model, seconds=3600.0) == Decimal(usd_per_hour)


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("gpt-4o-transcribe", ("2.50", "6", "10")),
        ("gpt-4o-mini-transcribe", ("1.25", "3", "5")),
        ("gpt-4o-mini-transcribe-2025-12-15", ("1.25", "3", "5")),
    ],
)
def test_a_million_tokens_of_transcription_cost_what_the_page_says(
    model: str, usd: tuple[str, str, str]
) -> None:
    for count, price in zip(("text_in", "audio_in", "text_out"), usd, strict=True):
        assert _transcription_cost(model, **{count: 1_000_000}) == Decimal(price)


def test_a_missing_price_makes_the_cost_unknown() -> None:
    assert _transcription_cost("gpt-transcribe", audio_in=10) is None
    assert _transcription_cost("gpt-4o-transcribe", seconds=1.0) is None
    assert _transcription_cost("gpt-4o-transcribe", audio_in=10, audio_in_cached=5) is None
    assert _transcription_cost("gpt-4o-transcribe-diarize", audio_in=10) is None
    assert _transcription_cost("unheard-of", seconds=1.0) is None


def test_each_kind_of_usage_is_billed_at_its_own_model() -> None:
    spoken = Usage("resp_1", "response", text_in=1_000_000)
    heard = Usage("item_1", "transcription", seconds=60.0)
    assert cost_usd(spoken, "gpt-realtime-2.1-mini") == Decimal("0.60")
    assert cost_usd(heard, "gpt-transcribe") == Decimal("0.0045")


@pytest.mark.parametrize(
    ("model", "successor"),
    [
        ("gpt-realtime", "gpt-realtime-2.1"),
        ("gpt-realtime-2025-08-28", "gpt-realtime-2.1"),
        ("gpt-realtime-mini", "gpt-realtime-2.1-mini"),
        ("gpt-realtime-mini-2025-12-15", "gpt-realtime-2.1-mini"),
    ],
)
def test_a_model_is_used_until_the_day_before_its_retirement(model: str, successor: str) -> None:
    assert resolve(model, EVE) == model
    assert resolve(model, DAY) == successor
    assert resolve(model, date(2030, 1, 1)) == successor


@pytest.mark.parametrize(
    "model",
    [
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-4o-transcribe-diarize",
    ],
)
def test_transcription_models_retire_too(model: str) -> None:
    assert resolve(model, date(2027, 2, 25)) == model
    assert resolve(model, date(2027, 2, 26)) == "gpt-transcribe"


@pytest.mark.parametrize("model", ["gpt-realtime-2.1", "gpt-realtime-9", "my-deployment", ""])
def test_a_model_without_retirement_stays(model: str) -> None:
    assert resolve(model, date(2099, 1, 1)) == model


def test_a_successor_is_in_the_catalogue_and_of_the_same_kind() -> None:
    for kind in (REALTIME_MODELS, TRANSCRIPTION_MODELS):
        for model in kind:
            assert resolve(model, date(2099, 1, 1)) in kind


def test_retirements_are_listed_to_the_day() -> None:
    assert "gpt-realtime" not in retiring_within(59, AS_OF)
    assert "gpt-realtime" in retiring_within(60, AS_OF)
    assert "whisper-1" not in retiring_within(60, AS_OF)
    assert retiring_within(97, AS_OF) == dict(RETIREMENTS)


def test_retired_models_are_still_listed() -> None:
    assert "gpt-realtime" in retiring_within(0, date(2028, 1, 1))


def test_the_settings_defaults_are_in_the_catalogue() -> None:
    assert DEFAULTS["REALTIME_MODEL"] in REALTIME_MODELS
    assert DEFAULTS["TRANSCRIPTION_MODEL"] in TRANSCRIPTION_MODELS
    assert DEFAULTS["REALTIME_VOICE"] in VOICES


def test_there_are_ten_voices() -> None:
    assert len(set(VOICES)) == len(VOICES) == 10


@pytest.mark.parametrize(
    ("model", "plain", "cached", "written", "out"),
    [
        ("gpt-5.6-luna", "0.20", "0.02", "0.25", "1.20"),
        ("gpt-5.6-terra", "2.00", "0.20", "2.50", "12.00"),
        ("gpt-5.6-sol", "5.00", "0.50", "6.25", "30.00"),
        ("gpt-5.4-mini", "0.75", "0.075", None, "4.50"),
        ("gpt-5.6-luna-2026-10-01", "0.20", "0.02", "0.25", "1.20"),
    ],
)
def test_a_million_tokens_of_a_text_model_cost_what_the_source_says(
    model: str, plain: str, cached: str, written: str | None, out: str
) -> None:
    def cost(**counts: Any) -> Decimal | None:
        return cost_usd(TextUsage("resp_1", "response", **counts), model)

    million = 1_000_000
    assert cost(text_in=million) == Decimal(plain)
    assert cost(text_in=million, text_in_cached=million) == Decimal(cached)
    assert cost(text_out=million) == Decimal(out)
    price = None if written is None else Decimal(written)
    assert cost(text_in=million, text_in_written=million) == price


def test_a_text_model_has_no_price_for_audio() -> None:
    assert _cost("gpt-5.6-luna", audio_in=1) is None


def test_the_default_chat_model_is_in_the_catalogue() -> None:
    assert DEFAULTS["CHAT_MODEL"] in TEXT_MODELS
