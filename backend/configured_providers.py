"""The providers that have settings: the one place that joins settings with `upstream.providers`.

A provider can be chosen if it has a key and a URL; the default (`REALTIME_PROVIDER`) is there also
without a key, and is then refused (`api_key_missing`), as is a session whose provider has no
settings any more. Models of OpenAI have retirement dates and successors; a deployment on Azure is
what its operator makes of it, so its name is used as it is.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

import httpx2
import openai
from django.conf import settings
from django.utils import timezone

from backend import catalogue
from backend.retirement import model_in_use
from backend.upstream.providers import PROVIDERS
from backend.upstream.providers.interface import Provider
from backend.upstream.rest import SharedRestClient, rest_client
from backend.upstream.target import Target

KEY_SETTINGS: Mapping[str, str] = {"openai": "OPENAI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}
URL_SETTINGS: Mapping[str, str] = {"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_BASE_URL"}
"""The settings of each provider's key and base URL."""


class Settings(Protocol):
    """The settings that this module reads."""

    REALTIME_PROVIDER: str
    UPSTREAM_PROXY: str
    OPENAI_API_KEY: str
    OPENAI_BASE_URL: str
    REALTIME_MODEL: str
    TRANSCRIPTION_MODEL: str
    CHAT_MODEL: str
    AZURE_OPENAI_API_KEY: str
    AZURE_OPENAI_BASE_URL: str
    AZURE_REALTIME_MODEL: str
    AZURE_TRANSCRIPTION_MODEL: str
    AZURE_CHAT_MODEL: str
    AZURE_DEPLOYMENTS: dict[str, str]


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider with its settings, and the models that are requested from it today.

    `name` is its name in the API, in the settings and in the database. `realtime_models` are those
    that a direct session may choose, the default (`realtime_model`) first. `proxy` is
    `UPSTREAM_PROXY`, which is for all providers.
    """

    name: str
    provider: Provider
    base_url: str
    api_key: str = field(repr=False)
    proxy: str | None = field(repr=False)
    realtime_models: tuple[str, ...]
    transcription_model: str
    chat_model: str

    @property
    def realtime_model(self) -> str:
        """The model that talks in a call."""
        return self.realtime_models[0]

    def target(self, safety_identifier: str) -> Target:
        """Where a call of the user of this identifier connects."""
        return Target(
            base_url=self.base_url,
            api_key=self.api_key,
            model=self.realtime_model,
            safety_identifier=safety_identifier,
            proxy=self.proxy,
        )

    def rest_client(self, transport: httpx2.AsyncBaseTransport | None = None) -> openai.AsyncOpenAI:
        """A client of its REST API (`upstream.rest.rest_client`). `transport` is for tests.

        Raises UpstreamRefused("api_key_missing") and UpstreamUnavailable("proxy_failed").
        """
        return rest_client(
            self.provider, self.base_url, self.api_key, proxy=self.proxy, transport=transport
        )


class RestClients:
    """A REST client for each provider, made at its first use. Belongs to one event loop.

    `transport` replaces the network in tests.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._clients: dict[str, SharedRestClient] = {}

    async def get(self, name: str) -> openai.AsyncOpenAI:
        """Return the client of the provider of this name. Raises what `rest_client` raises."""
        if name not in self._clients:
            self._clients[name] = SharedRestClient(
                lambda: provider_named(name).rest_client(self._transport)
            )
        return await self._clients[name].get()

    async def close(self) -> None:
        """Close the clients that there are."""
        await asyncio.gather(*(client.close() for client in self._clients.values()))


def configured(given: Settings, today: date) -> dict[str, ConfiguredProvider]:
    """The providers that these settings configure, by name, the default one first."""
    both = (_openai(given, today), _azure(given))
    found = {
        each.name: each
        for each in both
        if (each.api_key and each.base_url) or each.name == given.REALTIME_PROVIDER
    }
    return {given.REALTIME_PROVIDER: found[given.REALTIME_PROVIDER], **found}


def configured_providers() -> dict[str, ConfiguredProvider]:
    """The providers that can be chosen today, by name, the default one first."""
    return configured(settings, timezone.now().date())


def default_provider() -> ConfiguredProvider:
    """The provider of a session that does not choose one."""
    return configured_providers()[settings.REALTIME_PROVIDER]


def provider_named(name: str) -> ConfiguredProvider:
    """The provider of this name. One without settings, such as that of an old session, has no key.

    So whatever is asked of it is refused (`api_key_missing`), and nothing is sent to anybody.
    """
    found = configured_providers()
    default = found[settings.REALTIME_PROVIDER]
    return found.get(name) or replace(
        default, name=name, provider=PROVIDERS.get(name, default.provider), api_key=""
    )


def priced_as(model: str, deployments: Mapping[str, str] | None = None) -> str:
    """The catalogue's name of this model: of a deployment, the model that `AZURE_DEPLOYMENTS` says.

    A name that the catalogue has means that model, whoever sells it. Any other is returned as it
    is: its price is unknown.
    """
    if catalogue.is_sold(model):
        return model
    return (settings.AZURE_DEPLOYMENTS if deployments is None else deployments).get(model, model)


def _openai(given: Settings, today: date) -> ConfiguredProvider:
    default = model_in_use(given.REALTIME_MODEL, today)
    offered = (
        name
        for name, model in catalogue.REALTIME_MODELS.items()
        if model.retirement is None or model.retirement.on > today
    )
    return ConfiguredProvider(
        name="openai",
        provider=PROVIDERS["openai"],
        base_url=given.OPENAI_BASE_URL,
        api_key=given.OPENAI_API_KEY,
        proxy=given.UPSTREAM_PROXY or None,
        realtime_models=tuple(dict.fromkeys([default, *offered])),
        transcription_model=model_in_use(given.TRANSCRIPTION_MODEL, today),
        chat_model=model_in_use(given.CHAT_MODEL, today),
    )


def _azure(given: Settings) -> ConfiguredProvider:
    offered = (
        name
        for name, model in given.AZURE_DEPLOYMENTS.items()
        if model in catalogue.REALTIME_MODELS
    )
    return ConfiguredProvider(
        name="azure",
        provider=PROVIDERS["azure"],
        base_url=given.AZURE_OPENAI_BASE_URL,
        api_key=given.AZURE_OPENAI_API_KEY,
        proxy=given.UPSTREAM_PROXY or None,
        realtime_models=tuple(dict.fromkeys([given.AZURE_REALTIME_MODEL, *offered])),
        transcription_model=given.AZURE_TRANSCRIPTION_MODEL,
        chat_model=given.AZURE_CHAT_MODEL,
    )
