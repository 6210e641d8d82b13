"""What the configuration of the page says about direct sessions."""

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from backend import catalogue
from backend.direct.config import direct_config
from tests.azure import configure_azure

pytestmark = pytest.mark.django_db


def test_it_has_the_providers_addresses_and_what_a_key_may_be_for(settings: Settings) -> None:
    settings.DIRECT_SESSIONS = True
    settings.OPENAI_BASE_URL = "https://api.openai.com/v1"
    settings.REALTIME_MODEL = "gpt-realtime-2.1"
    config = direct_config()
    assert config is not None
    assert config["websocket_url"] == "wss://api.openai.com/v1/realtime"
    assert config["calls_url"] == "https://api.openai.com/v1/realtime/calls"
    assert config["model"] == config["models"][0] == "gpt-realtime-2.1"
    assert (config["voice"], config["voices"]) == ("verse", list(catalogue.VOICES))


def test_it_has_each_provider_that_can_be_chosen(settings: Settings) -> None:
    settings.DIRECT_SESSIONS = True
    configure_azure(settings)
    config = direct_config()
    assert config is not None
    openai, azure = config["providers"]
    assert {name: config[name] for name in openai} == openai, "the default one"  # type: ignore[literal-required]
    assert (openai["provider"], azure["provider"]) == ("openai", "azure")
    assert azure["websocket_url"] == "wss://azure.test/openai/v1/realtime"
    assert azure["calls_url"] == "https://azure.test/openai/v1/realtime/calls"
    assert (azure["model"], azure["models"]) == ("voice-eu", ["voice-eu", "mini-eu"])
    settings.REALTIME_PROVIDER = "azure"
    config = direct_config()
    assert config is not None
    assert (config["provider"], len(config["providers"])) == ("azure", 2)


def test_it_is_null_while_direct_sessions_are_off(as_nobody: APIClient, settings: Settings) -> None:
    settings.DIRECT_SESSIONS = False
    assert as_nobody.get("/api/config/").json()["direct"] is None
    settings.DIRECT_SESSIONS = True
    assert as_nobody.get("/api/config/").json()["direct"] == direct_config()
