"""Plain HTTP at the WebSockets' paths."""

import logging
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from backend.telemetry.counters import ProcessCounters
from backend.wording import sentence
from tests.gateway.equipment import SESSION

PATH = f"/ws/realtime/{SESSION}/"
HANDSHAKE = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
ORIGIN = "https://voice.example.com:8443"


@pytest.fixture(autouse=True)
def counters(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ProcessCounters:
    """Our host, and counters of this test."""
    settings.ALLOWED_HOSTS = ["voice.example.com"]
    settings.ALLOWED_ORIGINS = ["https://friend.example.net"]
    counters = ProcessCounters()
    monkeypatch.setattr("backend.gateway.handshake_refusals.COUNTERS", counters)
    return counters


def ask(method: str = "POST", path: str = PATH, **headers: str) -> Any:
    client = Client(enforce_csrf_checks=True)
    given = {"Host": "voice.example.com:8443", "Origin": ORIGIN} | headers
    return client.generic(method, path, headers=given)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, "/ws/", "/ws", "/ws/realtime/not-a-uuid/"])
def test_without_an_upgrade_the_answer_says_so_in_the_shape_of_the_api(
    method: str, path: str
) -> None:
    response = ask(method, path, **{"Accept-Language": "ja"})
    error = {"code": "upgrade_missing", "message": sentence("upgrade_missing", "ja")}
    assert (response.status_code, response.json()) == (426, {"error": error})
    assert "Upgrade" not in response.headers


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        # nginx with `Host $host` on another port.
        ("voice.example.com", ORIGIN),
        ("voice.example.com", "https://evil.example"),
    ],
)
def test_a_foreign_origin_is_named_with_the_host_that_arrived(host: str, origin: str) -> None:
    response = ask(Host=host, Origin=origin)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (403, "origin_foreign")
    assert error["detail"] == {"origin": origin, "host": host}


def test_an_origin_of_the_setting_and_none_at_all_are_not_foreign() -> None:
    assert ask(Origin="https://friend.example.net").status_code == 426
    response = Client().get(PATH, headers={"Host": "voice.example.com"})
    assert response.status_code == 426


@pytest.mark.parametrize(
    ("host", "code", "status"),
    [
        ("voice.example.com:8443", "upgrade_missing", 426),
        ("voice.example.com", "origin_foreign", 403),
    ],
)
def test_a_handshake_that_lost_its_upgrade_is_logged_and_counted(
    counters: ProcessCounters,
    caplog: pytest.LogCaptureFixture,
    host: str,
    code: str,
    status: int,
) -> None:
    with caplog.at_level(logging.WARNING, "backend.gateway.handshake_refusals"):
        ask("GET", **HANDSHAKE, Host=host)
    (fields,) = (vars(record)["fields"] for record in caplog.records if "fields" in vars(record))
    assert fields == {
        "code": code,
        "status": status,
        "session_id": SESSION,
        "origin": ORIGIN,
        "host": host,
    }
    assert counters.calls_refused == {code: 1}


def test_a_page_that_asks_is_no_refused_call(counters: ProcessCounters) -> None:
    ask()
    ask(Host="voice.example.com")
    assert counters.calls_refused == {}
