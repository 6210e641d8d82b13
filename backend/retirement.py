"""The configured models that the provider retires soon, and the successor of a retired one.

The catalogue knows the dates. An operator sees them in the system checks, in `/readyz` and in the
admin from `WARN_DAYS` before a model's end; the log says once that a successor is used.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from backend import catalogue
from backend.telemetry.logs import log_event

WARN_DAYS = 90

MODEL_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "REALTIME_MODEL": catalogue.REALTIME_MODELS,
    "TRANSCRIPTION_MODEL": catalogue.TRANSCRIPTION_MODELS,
    "CHAT_MODEL": catalogue.TEXT_MODELS,
}
"""The settings that name a model, each with the catalogue's models of its kind."""

_log = logging.getLogger(__name__)
_logged: set[str] = set()


class Settings(Protocol):
    """The settings that this module reads."""

    DEMO: bool
    REALTIME_PROVIDER: str
    OPENAI_API_KEY: str
    REALTIME_MODEL: str
    TRANSCRIPTION_MODEL: str
    CHAT_MODEL: str


@dataclass(frozen=True, slots=True)
class Retiring:
    """A setting's model, the day from which the provider refuses it, and its successor."""

    setting: str
    model: str
    on: date
    successor: str

    def is_over(self, today: date) -> bool:
        """Whether the model has retired, so that its successor is used."""
        return self.on <= today


def retiring(given: Settings, today: date) -> list[Retiring]:
    """Return the configured models that have retired or will within `WARN_DAYS`.

    None in a demo: the simulator accepts every model, and none of them retires. None where only
    another provider than OpenAI is configured: its models have other dates.
    """
    has_openai = given.REALTIME_PROVIDER == "openai" or given.OPENAI_API_KEY
    if given.DEMO or not has_openai:
        return []
    ends = catalogue.retiring_within(WARN_DAYS, today)
    return [
        Retiring(setting, model, ends[model].on, catalogue.resolve(model, ends[model].on))
        for setting in MODEL_SETTINGS
        if (model := getattr(given, setting)) in ends
    ]


def model_in_use(model: str, today: date) -> str:
    """Return the model to request: this one, or its successor from its retirement date on.

    Logs `model.succeeded` once in a process for each model that is replaced.
    """
    used = catalogue.resolve(model, today)
    if used != model and model not in _logged:
        _logged.add(model)
        log_event(_log, logging.WARNING, "model.succeeded", model=used, where=model)
    return used
