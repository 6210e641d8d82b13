"""The provider's models and voices: prices, retirement dates and successors.

As of `AS_OF`, from the official model pages (developers.openai.com/api/docs/models/<name>) and the
deprecations page (developers.openai.com/api/docs/deprecations). Prices are in USD. An unknown price
is None, and a cost that needs it is None: unknown is never zero.
"""

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
"""The voices of the Realtime models; the provider recommends the first two."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens of one modality; None is unknown or not sold."""

    given: Decimal | None = None
    cached: Decimal | None = None
    produced: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Retirement:
    """From the day `on` the provider refuses the model; `successor` takes its place."""

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


def _price(given: str, cached: str | None = None, produced: str | None = None) -> Price:
    return Price(
        Decimal(given),
        Decimal(cached) if cached else None,
        Decimal(produced) if produced else None,
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
        text=_price("2.50", produced="10"), audio=_price("6"), retirement=_TRANSCRIBE_ENDS
    ),
    "gpt-4o-mini-transcribe": TranscriptionModel(
        text=_price("1.25", produced="5"), audio=_price("3"), retirement=_TRANSCRIBE_ENDS
    ),
    "gpt-4o-mini-transcribe-2025-12-15": TranscriptionModel(
        text=_price("1.25", produced="5"), audio=_price("3"), retirement=_TRANSCRIBE_ENDS
    ),
    # No page we found has its price.
    "gpt-4o-transcribe-diarize": TranscriptionModel(retirement=_TRANSCRIBE_ENDS),
}

_SOLD: Mapping[str, RealtimeModel | TranscriptionModel] = {
    **REALTIME_MODELS,
    **TRANSCRIPTION_MODELS,
}

RETIREMENTS: Mapping[str, Retirement] = {
    name: model.retirement for name, model in _SOLD.items() if model.retirement
}


def resolve(model: str, today: date) -> str:
    """Return the model to request: this one, or its successor from its retirement date on.

    A name that is not in the catalogue (a deployment, a newer model) is returned unchanged.
    """
    while (retirement := RETIREMENTS.get(model)) and retirement.on <= today:
        model = retirement.successor
    return model


def retiring_within(days: int, today: date) -> dict[str, Retirement]:
    """Return the models of both kinds that have retired or will within this many days."""
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


def cost_usd(usage: Billed, model: str, transcription_model: str) -> Decimal | None:
    """Return the cost in USD, not rounded; None if a price that it needs is unknown.

    A response is billed at `model`'s prices, a transcription at `transcription_model`'s.
    """
    sold: RealtimeModel | TranscriptionModel | None
    if usage.kind == "response":
        sold = REALTIME_MODELS.get(model)
    else:
        sold = TRANSCRIPTION_MODELS.get(transcription_model)
    if sold is None:
        return None
    by_minute = sold.usd_per_minute if isinstance(sold, TranscriptionModel) else None
    image = sold.image if isinstance(sold, RealtimeModel) else Price()
    lines = (
        (usage.text_in - usage.text_in_cached, sold.text.given),
        (usage.text_in_cached, sold.text.cached),
        (usage.text_out, sold.text.produced),
        (usage.audio_in - usage.audio_in_cached, sold.audio.given),
        (usage.audio_in_cached, sold.audio.cached),
        (usage.audio_out, sold.audio.produced),
        (usage.image_in - usage.image_in_cached, image.given),
        (usage.image_in_cached, image.cached),
    )
    minutes = Decimal(str(usage.seconds)) / 60
    if any(count and price is None for count, price in (*lines, (minutes, by_minute))):
        return None
    tokens_usd = sum((count * price for count, price in lines if price), Decimal(0)) / 1_000_000
    return tokens_usd + minutes * (by_minute or 0)
