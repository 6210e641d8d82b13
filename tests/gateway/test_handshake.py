"""What a WebSocket handshake says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.credentials import Credential
from backend.gateway.handshake import (
    comes_from_an_allowed_origin,
    credential_of,
    language_of,
    subprotocol_of,
)
from backend.protocol.endings import Ending
from backend.protocol.errors import AdmissionRefused
from tests.gateway.equipment import scope

HOSTS = ["voice.example.com", ".voice.example.org", "127.0.0.1", "[::1]"]
ORIGINS = ["https://friend.example.net", "http://localhost:5173"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("voice.example.com", "https://voice.example.com"),
        ("voice.example.com", "http://voice.example.com"),
        ("voice.example.com:443", "https://voice.example.com"),
        ("voice.example.com", "https://voice.example.com:443"),
        ("voice.example.com:8443", "https://voice.example.com:8443"),
        ("VOICE.example.com", "https://voice.example.com"),
        ("a.voice.example.org", "https://a.voice.example.org"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("voice.example.com", "https://friend.example.net"),
        ("127.0.0.1:8000", "http://localhost:5173"),
        ("voice.example.com", None),
    ],
)
def test_the_own_host_listed_origins_and_programs_may_open(host: str, origin: str | None) -> None:
    assert comes_from_an_allowed_origin(scope(host=host, origin=origin), HOSTS, ORIGINS)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("voice.example.com", "https://evil.example"),
        ("voice.example.com", "null"),
        ("voice.example.com", ""),
        ("voice.example.com", "https://voice.example.com.evil.example"),
        ("voice.example.com", "https://evil.example/voice.example.com"),
        ("voice.example.com", "https://voice.example.com@evil.example"),
        ("voice.example.com", "https://evil@voice.example.com"),
        ("voice.example.com", "https://voice.example.com/"),
        ("voice.example.com", "https://voice.example.com:8443"),
        ("voice.example.com:8443", "https://voice.example.com"),
        ("voice.example.com:8000", "http://voice.example.com:8001"),
        ("voice.example.com", "wss://voice.example.com"),
        ("voice.example.com", "file://voice.example.com"),
        ("voice.example.com", "voice.example.com"),
        ("voice.example.com", "https://voice.example.com:port"),
        ("voice.example.com", "https://[voice.example.com"),
        ("voice.example.com", "https://friend.example.net.evil.example"),
        ("127.0.0.1:8000", "http://localhost:8000"),
        # A name that was rebound to this machine agrees with itself.
        ("evil.example:8000", "http://evil.example:8000"),
        ("evil.example", None),
        ("", "https://voice.example.com"),
        ("voice.example.com, evil.example", "https://voice.example.com"),
    ],
)
def test_other_pages_may_not(host: str, origin: str | None) -> None:
    assert not comes_from_an_allowed_origin(scope(host=host, origin=origin), HOSTS, ORIGINS)


def test_two_origins_are_as_good_as_a_foreign_one() -> None:
    twice = scope()
    twice["headers"].append((b"Origin", b"https://voice.example.com"))
    assert not comes_from_an_allowed_origin(twice, HOSTS, ORIGINS)


@given(st.text(st.characters(max_codepoint=255)))
def test_no_origin_raises(origin: str) -> None:
    comes_from_an_allowed_origin(scope(origin=origin), HOSTS, ORIGINS)


@pytest.mark.parametrize(
    ("asked", "credential"),
    [
        (scope(offers=("realtime", "relay.ticket.abc")), Credential("ticket", "abc")),
        (scope(authorization="Token abc"), Credential("token", "abc")),
        (scope(authorization="bearer  abc"), Credential("token", "abc")),
        (
            scope(offers=("realtime", "relay.ticket.abc"), authorization="Token def"),
            Credential("ticket", "abc"),
        ),
        (scope(query="page=2", authorization="Token abc"), Credential("token", "abc")),
    ],
)
def test_a_ticket_or_a_token_is_shown(asked: dict[str, Any], credential: Credential) -> None:
    assert credential_of(asked) == credential


@pytest.mark.parametrize(
    "asked",
    [
        scope(),
        scope(offers=("realtime",)),
        scope(offers=("realtime", "relay.ticket.")),
        scope(offers=("realtime", "relay.ticket." + "x" * 513)),
        scope(offers=("realtime", "openai-insecure-api-key.sk-abc")),
        scope(cookie="sessionid=abc; token=abc; relay.ticket=abc"),
        scope(authorization="Basic abc"),
        scope(authorization="Token"),
        scope(authorization="Token " + "x" * 513),
    ],
)
def test_nothing_else_counts(asked: dict[str, Any]) -> None:
    with pytest.raises(AdmissionRefused, match="ticket_missing") as refused:
        credential_of(asked)
    assert refused.value.ending is Ending.UNAUTHENTICATED


@pytest.mark.parametrize("query", ["token=abc", "ticket=", "x=1&TOKEN=abc", "access_token=a&a=b"])
def test_a_secret_in_the_url_is_refused_whatever_else_is_shown(query: str) -> None:
    asked = scope(query=query, offers=("realtime", "relay.ticket.abc"))
    with pytest.raises(AdmissionRefused, match="token_in_url"):
        credential_of(asked)


def test_only_realtime_is_answered() -> None:
    assert subprotocol_of(scope(offers=("relay.ticket.abc", "realtime"))) == "realtime"
    assert subprotocol_of(scope(offers=("relay.ticket.abc",))) is None


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja", "ja"),
        ("ja-JP,en;q=0.8", "ja"),
        ("fr, ja;q=0.5, en;q=0.4", "ja"),
        ("en-US,ja;q=0.9", "en"),
        ("fr", "en"),
        ("", "en"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_language_is_the_browsers(header: str, language: str) -> None:
    assert language_of(scope(accept_language=header)) == language
