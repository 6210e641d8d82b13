"""The page is there while direct sessions are on; else a sentence says how to turn them on."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings


@pytest.mark.parametrize("path", ["/openai-realtime", "/openai-realtime/"])
def test_the_page_may_reach_the_provider(client: Client, settings: Settings, path: str) -> None:
    settings.DIRECT_SESSIONS = True
    settings.OPENAI_BASE_URL = "https://provider.example/v1"
    answer = client.get(path)
    assert answer.status_code == 200
    assert f"/static/{settings.RELEASE}/direct-realtime.js" in answer.content.decode()
    policy = answer["Content-Security-Policy"]
    assert "https://provider.example" in policy and "wss://provider.example" in policy
    assert "no-store" in answer["Cache-Control"]


def test_the_main_page_may_not(client: Client, settings: Settings) -> None:
    settings.DIRECT_SESSIONS = True
    settings.OPENAI_BASE_URL = "https://provider.example/v1"
    assert "provider.example" not in client.get("/")["Content-Security-Policy"]


def test_while_direct_sessions_are_off_the_page_says_how_to_turn_them_on(
    client: Client, settings: Settings
) -> None:
    settings.DIRECT_SESSIONS = False
    answer = client.get("/openai-realtime")
    text = answer.content.decode()
    assert answer.status_code == 403
    assert text.count("DIRECT_SESSIONS=on") == 2
    assert "direct-realtime.js" not in text
    assert settings.OPENAI_BASE_URL.split("/")[2] not in answer["Content-Security-Policy"]
