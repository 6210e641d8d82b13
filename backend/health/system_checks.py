"""Django system checks of the settings: mistakes and risks, each with a hint.

| id | means |
|---|---|
| `kaiwa.E001` / `kaiwa.W001` | the default provider has no key (an error without `DEBUG`) |
| `kaiwa.E002` | the voice does not exist |
| `kaiwa.E003` | a key would be sent unencrypted to another machine |
| `kaiwa.E004` | without `DEBUG`, the secret key is too short to be a secret |
| `kaiwa.E005` | `DEBUG` is on, and other machines can connect |
| `kaiwa.E006` | Daphne is chosen, and more than one process |
| `kaiwa.W002` | a model is not in the catalogue, so its cost is unknown |
| `kaiwa.W003` | a chosen model (no default of ours) retires within 90 days, or has retired |
| `kaiwa.W004` | anybody may register and talk at the operator's cost |
| `kaiwa.W005` | `DEMO` is on without `DEBUG`: the page says that a simulator answers |
| `kaiwa.W006` | every host name is accepted, which allows DNS rebinding |
| `kaiwa.W007` | without `DEBUG`, the static files of this release have not been collected |
| `kaiwa.W008` | a budget of money is set, and the price of a model is unknown: it is refused |
| `kaiwa.W009` | `DIRECT_SESSIONS` is on without `DEBUG`: what ephemeral keys cost is in no budget |
| `kaiwa.W010` | Azure has a key or a URL but not both, so it cannot be chosen |
| `kaiwa.W011` | a row of `AZURE_DEPLOYMENTS` changes no price |
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils import timezone

from backend import catalogue, configured_providers
from backend.configured_providers import KEY_SETTINGS, URL_SETTINGS, configured, priced_as
from backend.retirement import MODEL_SETTINGS, retiring
from backend.settings_table import SETTINGS
from backend.spending.prices import usage_of_clip, usd_of_answer, usd_of_talk

SHORTEST_SECRET_KEY = 32
"""Django warns below 50 (`security.W009`); with less than this, signatures can be forged."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_DEFAULTS: Mapping[str, str] = {each.name: each.default for each in SETTINGS}


class Settings(configured_providers.Settings, Protocol):
    """The settings that are checked."""

    DEBUG: bool
    DEMO: bool
    SECRET_KEY: str
    HOST: str
    SERVER: str
    WORKERS: int
    REALTIME_VOICE: str
    REGISTRATION_OPEN: bool
    DIRECT_SESSIONS: bool
    ALLOWED_HOSTS: list[str]
    HISTORY_TOKENS: int
    BUDGET_USD_PER_MONTH: Decimal


def check_settings(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Return the problems of the current settings; called by Django's check framework."""
    return list(problems(settings, timezone.now().date()))


def check_static_files(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Warn if `collectstatic` has not run for this release: the page would load no script."""
    if settings.DEBUG or (Path(settings.STATIC_ROOT) / settings.RELEASE).is_dir():
        return []
    return [
        Warning(
            f"The page's files of this release are not in {settings.STATIC_ROOT}.",
            hint="Run: .venv/bin/python manage.py collectstatic --no-input",
            id="kaiwa.W007",
        )
    ]


def problems(given: Settings, today: date) -> Iterator[CheckMessage]:
    """Yield what is wrong or risky with these settings on this day."""
    yield from _secrecy_problems(given)
    yield from _provider_problems(given)
    yield from _model_problems(given, today)
    if given.BUDGET_USD_PER_MONTH and not given.DEMO:
        yield from _price_problems(given, today)
    if given.REALTIME_VOICE not in catalogue.VOICES:
        yield Error(
            f"REALTIME_VOICE: there is no voice {given.REALTIME_VOICE!r}.",
            hint=f"Write one of {', '.join(catalogue.VOICES)}.",
            id="kaiwa.E002",
        )
    if given.WORKERS > 1 and given.SERVER != "uvicorn":
        yield Error(
            f"WORKERS: {given.SERVER} serves with one process, not with {given.WORKERS}.",
            hint="Write SERVER=uvicorn, or WORKERS=1.",
            id="kaiwa.E006",
        )
    if given.REGISTRATION_OPEN and not given.DEBUG:
        yield Warning(
            "REGISTRATION_OPEN: strangers may register, and talk at your cost.",
            hint="Write REGISTRATION_OPEN=off unless you mean it.",
            id="kaiwa.W004",
        )
    if given.DIRECT_SESSIONS and not given.DEBUG:
        yield Warning(
            "DIRECT_SESSIONS: who has the permission talks at your cost, and nothing limits it.",
            hint="Write DIRECT_SESSIONS=off unless you mean it (docs/direct.md).",
            id="kaiwa.W009",
        )
    if given.DEMO and not given.DEBUG:
        yield Warning(
            "DEMO: the page says that a simulator is answering, and DEBUG is off.",
            hint="Write DEMO=off, unless this is a demo.",
            id="kaiwa.W005",
        )
    if "*" in given.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS: every name is served, also one that a foreign page points at us.",
            hint="Write the names people type, such as voice.example.com.",
            id="kaiwa.W006",
        )


def _secrecy_problems(given: Settings) -> Iterator[CheckMessage]:
    if len(given.SECRET_KEY) < SHORTEST_SECRET_KEY and not given.DEBUG:
        yield Error(
            f"SECRET_KEY: {len(given.SECRET_KEY)} characters can be guessed.",
            hint="Write 50 random characters:"
            " python3 -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="kaiwa.E004",
        )
    if given.DEBUG and given.HOST not in _LOOPBACK:
        yield Error(
            f"DEBUG: it is on, and other machines can connect to {given.HOST}. Its error pages show"
            " the code and the settings, and its secret key is known.",
            hint="Write DEBUG=off, or HOST=127.0.0.1.",
            id="kaiwa.E005",
        )


def _provider_problems(given: Settings) -> Iterator[CheckMessage]:
    key = KEY_SETTINGS[given.REALTIME_PROVIDER]
    if not getattr(given, key) and not given.DEMO:
        kind, level = (Warning, "W") if given.DEBUG else (Error, "E")
        yield kind(
            f"{key}: there is no key, so every call will be refused.",
            hint=f"Write the key, or {key}_FILE with the path of a file that holds it.",
            id=f"kaiwa.{level}001",
        )
    for name in URL_SETTINGS.values():
        url = urlsplit(getattr(given, name))
        # The simulator of docker-compose.demo.yml is another container, and its key is worth
        # nothing.
        if url.scheme == "http" and url.hostname not in _LOOPBACK and not given.DEMO:
            yield Error(
                f"{name}: the key and every conversation would travel unencrypted.",
                hint="Write a URL that begins with https://.",
                id="kaiwa.E003",
            )
    is_default = given.REALTIME_PROVIDER == "azure"
    if bool(given.AZURE_OPENAI_API_KEY) != bool(given.AZURE_OPENAI_BASE_URL) and not is_default:
        yield Warning(
            "AZURE_OPENAI_API_KEY, AZURE_OPENAI_BASE_URL: Azure needs both, so nobody can choose"
            " it.",
            hint="Write both, or neither.",
            id="kaiwa.W010",
        )
    for deployment, model in given.AZURE_DEPLOYMENTS.items():
        if not catalogue.is_sold(model) or catalogue.is_sold(deployment):
            yield Warning(
                f"AZURE_DEPLOYMENTS: {deployment}={model} has no effect on prices.",
                hint="Write a deployment's own name, and a model of the catalogue.",
                id="kaiwa.W011",
            )


def _price_problems(given: Settings, today: date) -> Iterator[CheckMessage]:
    for name, provider in configured(given, today).items():
        realtime, transcription, chat = (
            priced_as(model, given.AZURE_DEPLOYMENTS)
            for model in (
                provider.realtime_model, provider.transcription_model, provider.chat_model,
            )
        )  # fmt: skip
        refused = {
            "Calls": usd_of_talk(realtime, transcription),
            "Clips": usage_of_clip("", transcription, 60),
            "Typed messages": usd_of_answer(chat, given.HISTORY_TOKENS),
        }
        for what, price in refused.items():
            if price is None:
                yield Warning(
                    f"BUDGET_USD_PER_MONTH: {what} with {name} are refused, because a price of"
                    " their model is unknown.",
                    hint="Choose a model of the catalogue, or limit BUDGET_MINUTES_PER_DAY"
                    " instead.",
                    id="kaiwa.W008",
                )


def _model_problems(given: Settings, today: date) -> Iterator[CheckMessage]:
    found = configured(given, today)
    for name, known in MODEL_SETTINGS.items():
        model, deployment = getattr(given, name), getattr(given, f"AZURE_{name}")
        # The simulator accepts every model.
        if "openai" in found and model not in known and not given.DEMO:
            yield Warning(
                f"{name}: {model!r} is not in the catalogue, so what it costs is unknown.",
                hint=f"Write one of {', '.join(known)}, or leave it if you know better.",
                id="kaiwa.W002",
            )
        is_known = priced_as(deployment, given.AZURE_DEPLOYMENTS) in known
        if "azure" in found and not is_known and not given.DEMO:
            yield Warning(
                f"AZURE_{name}: which model the deployment {deployment!r} is, and so what it costs,"
                " is unknown.",
                hint=f"Write AZURE_DEPLOYMENTS={deployment}=… with one of {', '.join(known)}.",
                id="kaiwa.W002",
            )
    for each in retiring(given, today):
        # From its retirement on, our own default is replaced by itself: there is nothing to do.
        if each.model == _DEFAULTS[each.setting]:
            continue
        when = "has retired on" if each.is_over(today) else "retires on"
        yield Warning(
            f"{each.setting}: {each.model!r} {when} {each.on:%Y-%m-%d};"
            f" from then on {each.successor} is used.",
            hint=f"Write {each.setting}={each.successor}.",
            id="kaiwa.W003",
        )
