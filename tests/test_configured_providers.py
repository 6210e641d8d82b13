"""Which providers the settings configure, their models today, and what a deployment costs."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import date

import httpx2
import pytest
from pytest_django.fixtures import Settings

from backend import catalogue, configured_providers
from backend.configured_providers import (
    KEY_SETTINGS,
    URL_SETTINGS,
    RestClients,
    configured,
    default_provider,
    priced_as,
    provider_named,
)
from backend.protocol.errors import UpstreamRefused
from backend.settings_table import PROVIDERS, SETTINGS
from backend.upstream.connector import connect
from backend.upstream.rest import upstream_errors

TODAY = date(2026, 11, 28)
AZURE_URL = "https://kaiwa.openai.azure.com/openai/v1"


@dataclass
class Given:
    REALTIME_PROVIDER: str = "openai"
    UPSTREAM_PROXY: str = ""
    OPENAI_API_KEY: str = "sk-openai"
    OPENAI_BASE_URL: str = "https://api.openai.com/v1"
    REALTIME_MODEL: str = "gpt-realtime"
    TRANSCRIPTION_MODEL: str = "whisper-1"
    CHAT_MODEL: str = "gpt-5.6-luna"
    AZURE_OPENAI_API_KEY: str = "azure-key"
    AZURE_OPENAI_BASE_URL: str = AZURE_URL
    AZURE_REALTIME_MODEL: str = "gpt-realtime"
    AZURE_TRANSCRIPTION_MODEL: str = "whisper-1"
    AZURE_CHAT_MODEL: str = "chat"
    AZURE_DEPLOYMENTS: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def both(settings: Settings) -> Settings:
    """Both providers, of which OpenAI is the default one."""
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-openai", "https://openai.test/v1"
    settings.AZURE_OPENAI_API_KEY, settings.AZURE_OPENAI_BASE_URL = "azure-key", AZURE_URL
    settings.REALTIME_PROVIDER = "openai"
    return settings


def test_a_key_and_a_url_make_a_provider_that_can_be_chosen() -> None:
    found = configured(Given(), TODAY)
    assert list(found) == ["openai", "azure"]
    azure = found["azure"]
    assert (azure.name, azure.provider.name, azure.base_url) == ("azure", "azure", AZURE_URL)
    assert (azure.api_key, azure.proxy) == ("azure-key", None)
    assert "azure-key" not in repr(azure)


def test_the_default_provider_comes_first() -> None:
    found = configured(replace(Given(), REALTIME_PROVIDER="azure"), TODAY)
    assert list(found) == ["azure", "openai"]


@pytest.mark.parametrize(
    ("without", "names"),
    [
        ({"AZURE_OPENAI_API_KEY": ""}, ["openai"]),
        ({"AZURE_OPENAI_BASE_URL": ""}, ["openai"]),
        ({"OPENAI_API_KEY": "", "REALTIME_PROVIDER": "azure"}, ["azure"]),
        ({"OPENAI_API_KEY": "", "AZURE_OPENAI_API_KEY": ""}, ["openai"]),
        ({"OPENAI_API_KEY": ""}, ["openai", "azure"]),
    ],
)
def test_only_the_default_one_is_there_without_a_key(
    without: dict[str, str], names: list[str]
) -> None:
    assert list(configured(replace(Given(), **without), TODAY)) == names  # type: ignore[arg-type]


def test_openais_models_retire_and_a_deployment_does_not() -> None:
    found = configured(Given(), date(2027, 3, 1))
    openai, azure = found["openai"], found["azure"]
    assert (openai.realtime_model, openai.transcription_model) == (
        "gpt-realtime-2.1", "gpt-transcribe",
    )  # fmt: skip
    assert (azure.realtime_model, azure.transcription_model) == ("gpt-realtime", "whisper-1")
    assert azure.chat_model == "chat"


def test_openai_offers_the_default_first_and_what_has_not_retired() -> None:
    given = replace(Given(), REALTIME_MODEL="gpt-realtime-2.1")
    models = configured(given, TODAY)["openai"].realtime_models
    assert models[0] == "gpt-realtime-2.1"
    assert sorted(models) == sorted(catalogue.REALTIME_MODELS)
    later = configured(given, date(2027, 1, 20))["openai"].realtime_models
    assert "gpt-realtime" not in later
    assert "gpt-realtime-2" in later
    mine = configured(replace(Given(), REALTIME_MODEL="mine"), TODAY)["openai"]
    assert mine.realtime_models[0] == "mine"


def test_azure_offers_its_deployments_that_talk() -> None:
    deployments = {"mini": "gpt-realtime-2.1-mini", "words": "gpt-transcribe", "odd": "gpt-9"}
    found = configured(replace(Given(), AZURE_DEPLOYMENTS=deployments), TODAY)
    assert found["azure"].realtime_models == ("gpt-realtime", "mini")


def test_the_proxy_is_for_all_providers() -> None:
    found = configured(replace(Given(), UPSTREAM_PROXY="http://user:word@proxy.test:3128"), TODAY)
    assert {each.proxy for each in found.values()} == {"http://user:word@proxy.test:3128"}
    assert "word" not in repr(found)


def test_the_target_is_the_providers_own(both: Settings) -> None:
    target = provider_named("azure").target("hash")
    assert (target.base_url, target.api_key, target.safety_identifier) == (
        AZURE_URL, "azure-key", "hash",
    )  # fmt: skip
    assert default_provider().name == "openai"
    both.REALTIME_PROVIDER = "azure"
    assert default_provider().name == "azure"


@pytest.mark.parametrize("name", ["azure", "gone"])
async def test_a_provider_without_settings_is_refused_and_nothing_is_sent(
    both: Settings, name: str
) -> None:
    both.AZURE_OPENAI_API_KEY = ""
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200)

    clients = RestClients(httpx2.MockTransport(answer))
    unknown = provider_named(name)
    assert unknown.name == name
    with pytest.raises(UpstreamRefused, match="api_key_missing"):
        await connect(unknown.provider, unknown.target("hash"))
    with pytest.raises(UpstreamRefused, match="api_key_missing"):
        await clients.get(name)
    await clients.close()
    assert not sent


async def test_each_provider_has_one_client_with_its_own_key(both: Settings) -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={})

    clients = RestClients(httpx2.MockTransport(answer))
    for name in ("openai", "azure"):
        client, again = await asyncio.gather(clients.get(name), clients.get(name))
        assert client is again
        with upstream_errors(provider_named(name).provider):
            await client.post("/responses", cast_to=object, body={})
    await clients.close()
    assert client.is_closed()
    assert [(each.url.host, each.headers.get("Authorization")) for each in sent] == [
        ("openai.test", "Bearer sk-openai"), ("kaiwa.openai.azure.com", None),
    ]  # fmt: skip
    assert sent[1].headers["api-key"] == "azure-key"


def test_a_deployment_costs_what_its_model_does(settings: Settings) -> None:
    settings.AZURE_DEPLOYMENTS = {"voice": "gpt-realtime-2.1", "gpt-realtime": "gpt-realtime-mini"}
    assert priced_as("voice") == "gpt-realtime-2.1"
    assert priced_as("another") == "another"
    assert priced_as("gpt-realtime") == "gpt-realtime", "a name of the catalogue is that model"
    assert priced_as("gpt-5.6-luna-2026-07-01") == "gpt-5.6-luna-2026-07-01"


def test_each_provider_has_the_settings_of_its_key_and_url() -> None:
    secrets = {each.name: each.secret for each in SETTINGS}
    assert set(KEY_SETTINGS) == set(URL_SETTINGS) == set(PROVIDERS)
    assert all(secrets[name] for name in KEY_SETTINGS.values())
    assert not any(secrets[name] for name in URL_SETTINGS.values())
    assert configured_providers.configured(Given(), TODAY).keys() == set(PROVIDERS)
