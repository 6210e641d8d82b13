"""The provider's models and voices: prices, retirement dates and successors.

As of `AS_OF`, from the official model pages (developers.openai.com/api/docs/models/<name>) and the
deprecations page (developers.openai.com/api/docs/deprecations). Prices are in USD. An unknown price
is None, and a cost that needs it is None: unknown is never zero. The prices of the text models are
from a secondary source of November 2026, not from the provider's own pages.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, Protocol

AS_OF = date(2026, 11, 21)

VOICES = (
    "marin",
    "cedar",
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
)
"""The voices of the Realtime models. The provider recommends the first two."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million input, cached input and output tokens of one modality.

    `written` is the price of input tokens that are also written to the provider's prompt cache.
    None: unknown or not sold.
    """

    input: Decimal | None = None
    cached: Decimal | None = None
    output: Decimal | None = None
    written: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Retirement:
    """The day from which the provider refuses a model, and the model that replaces it."""

    on: date
    successor: str


@dataclass(frozen=True, slots=True)
class RealtimeModel:
    """A speech-to-speech model: its prices by modality, and its retirement if announced."""

    text: Price
    audio: Price
    image: Price
    retirement: Retirement | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionModel:
    """A model that transcribes the user's audio, priced by the minute or by tokens."""

    usd_per_minute: Decimal | None = None
    text: Price = Price()
    audio: Price = Price()
    retirement: Retirement | None = None


@dataclass(frozen=True, slots=True)
class TextModel:
    """A model that answers typed messages through the Responses API."""

    text: Price
    retirement: Retirement | None = None


def _price(
    input: str, cached: str | None = None, output: str | None = None, written: str | None = None
) -> Price:
    return Price(
        Decimal(input),
        Decimal(cached) if cached else None,
        Decimal(output) if output else None,
        Decimal(written) if written else None,
    )


_AUDIO, _IMAGE = _price("32", "0.40", "64"), _price("5", "0.50")
_MINI_TEXT = _price("0.60", "0.06", "2.40")
_MINI_AUDIO, _MINI_IMAGE = _price("10", "0.30", "20"), _price("0.80", "0.08")
_TEXT, _REASONING_TEXT = _price("4", "0.40", "16"), _price("4", "0.40", "24")

_REALTIME_ENDS = Retirement(date(2027, 1, 20), "gpt-realtime-2.1")
_MINI_ENDS = Retirement(date(2027, 1, 20), "gpt-realtime-2.1-mini")
# The page names two successors; this one is for committed turns of a Realtime session.
_TRANSCRIBE_ENDS = Retirement(date(2027, 2, 26), "gpt-transcribe")

REALTIME_MODELS: Mapping[str, RealtimeModel] = {
    "gpt-realtime": RealtimeModel(_TEXT, _AUDIO, _IMAGE, _REALTIME_ENDS),
    "gpt-realtime-2025-08-28": RealtimeModel(_TEXT, _AUDIO, _IMAGE, _REALTIME_ENDS),
    "gpt-realtime-1.5": RealtimeModel(_TEXT, _AUDIO, _IMAGE),
    "gpt-realtime-2": RealtimeModel(_REASONING_TEXT, _AUDIO, _IMAGE),
    "gpt-realtime-2.1": RealtimeModel(_REASONING_TEXT, _AUDIO, _IMAGE),
    "gpt-realtime-mini": RealtimeModel(_MINI_TEXT, _MINI_AUDIO, _MINI_IMAGE, _MINI_ENDS),
    "gpt-realtime-mini-2025-12-15": RealtimeModel(_MINI_TEXT, _MINI_AUDIO, _MINI_IMAGE, _MINI_ENDS),
    "gpt-realtime-2.1-mini": RealtimeModel(_MINI_TEXT, _MINI_AUDIO, _MINI_IMAGE),
}

TRANSCRIPTION_MODELS: Mapping[str, TranscriptionModel] = {
    "gpt-transcribe": TranscriptionModel(Decimal("0.0045")),
    "gpt-live-transcribe": TranscriptionModel(Decimal("0.017")),
    "gpt-realtime-whisper": TranscriptionModel(Decimal("0.017")),
    "whisper-1": TranscriptionModel(Decimal("0.006"), retirement=_TRANSCRIBE_ENDS),
    "gpt-4o-transcribe": TranscriptionModel(
        text=_price("2.50", output="10"), audio=_price("6"), retirement=_TRANSCRIBE_ENDS
    ),
    "gpt-4o-mini-transcribe": TranscriptionModel(
        text=_price("1.25", output="5"), audio=_price("3"), retirement=_TRANSCRIBE_ENDS
    ),
    "gpt-4o-mini-transcribe-2025-12-15": TranscriptionModel(
        text=_price("1.25", output="5"), audio=_price("3"), retirement=_TRANSCRIBE_ENDS
    ),
    # No page we found has its price.
    "gpt-4o-transcribe-diarize": TranscriptionModel(retirement=_TRANSCRIBE_ENDS),
}

# From a secondary source of November 2026. Cache writes of the mini model: no price found.
TEXT_MODELS: Mapping[str, TextModel] = {
    "gpt-5.6-luna": TextModel(_price("0.20", "0.02", "1.20", written="0.25")),
    "gpt-5.6-terra": TextModel(_price("2.00", "0.20", "12.00", written="2.50")),
    "gpt-5.6-sol": TextModel(_price("5.00", "0.50", "30.00", written="6.25")),
    "gpt-5.4-mini": TextModel(_price("0.75", "0.075", "4.50")),
}

_SOLD: Mapping[str, RealtimeModel | TextModel | TranscriptionModel] = {
    **REALTIME_MODELS,
    **TEXT_MODELS,
    **TRANSCRIPTION_MODELS,
}

RETIREMENTS: Mapping[str, Retirement] = {
    name: model.retirement for name, model in _SOLD.items() if model.retirement
}


def is_sold(model: str) -> bool:
    """Whether the catalogue has this model, of any kind."""
    return model in _SOLD


def resolve(model: str, today: date) -> str:
    """Return the model to request: this one, or its successor from its retirement date on.

    A name that is not in the catalogue (a deployment, a newer model) is returned unchanged.
    """
    while (retirement := RETIREMENTS.get(model)) and retirement.on <= today:
        model = retirement.successor
    return model


def retiring_within(days: int, today: date) -> dict[str, Retirement]:
    """Return the models of all kinds that have retired or will within this many days."""
    horizon = today + timedelta(days=days)
    return {name: end for name, end in RETIREMENTS.items() if end.on <= horizon}


class Billed(Protocol):
    """The counts that are billed; `protocol.usage.Usage` has them. Totals include cached tokens."""

    @property
    def kind(self) -> Literal["response", "transcription"]: ...
    @property
    def text_in(self) -> int: ...
    @property
    def text_in_cached(self) -> int: ...
    @property
    def audio_in(self) -> int: ...
    @property
    def audio_in_cached(self) -> int: ...
    @property
    def image_in(self) -> int: ...
    @property
    def image_in_cached(self) -> int: ...
    @property
    def text_out(self) -> int: ...
    @property
    def audio_out(self) -> int: ...
    @property
    def seconds(self) -> float: ...


def cost_usd(usage: Billed, model: str) -> Decimal | None:
    """The cost of this usage of `model` in USD, unrounded; None if a price it needs is unknown."""
    sold: RealtimeModel | TextModel | TranscriptionModel | None
    if usage.kind == "response":
        sold = REALTIME_MODELS.get(model) or _text_model(model)
    else:
        sold = TRANSCRIPTION_MODELS.get(model)
    if sold is None:
        return None
    by_minute = sold.usd_per_minute if isinstance(sold, TranscriptionModel) else None
    # Only a typed message's usage has this part, and a stored row has it no more.
    written: int = getattr(usage, "text_in_written", 0)
    image = sold.image if isinstance(sold, RealtimeModel) else Price()
    audio = Price() if isinstance(sold, TextModel) else sold.audio
    lines = (
        (usage.text_in - usage.text_in_cached - written, sold.text.input),
        (usage.text_in_cached, sold.text.cached),
        (written, sold.text.written),
        (usage.text_out, sold.text.output),
        (usage.audio_in - usage.audio_in_cached, audio.input),
        (usage.audio_in_cached, audio.cached),
        (usage.audio_out, audio.output),
        (usage.image_in - usage.image_in_cached, image.input),
        (usage.image_in_cached, image.cached),
    )
    minutes = Decimal(str(usage.seconds)) / 60
    if any(count and price is None for count, price in (*lines, (minutes, by_minute))):
        return None
    tokens_usd = sum((count * price for count, price in lines if price), Decimal(0)) / 1_000_000
    return tokens_usd + minutes * (by_minute or 0)


_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)


def _text_model(model: str) -> TextModel | None:
    """The text model of this name or, as an answer names it, of this dated snapshot."""
    return TEXT_MODELS.get(model) or TEXT_MODELS.get(_SNAPSHOT.sub("", model))
