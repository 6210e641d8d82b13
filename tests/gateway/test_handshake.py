"""Reading a WebSocket handshake."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.credentials import Credential
from backend.gateway.handshake import (
    is_origin_allowed,
    preferred_language,
    read_credential,
    release_headers,
    select_subprotocol,
    stated_addresses,
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
def test_the_own_host_a_listed_origin_and_no_origin_are_allowed(
    host: str, origin: str | None
) -> None:
    assert is_origin_allowed(scope(host=host, origin=origin), HOSTS, ORIGINS)


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
        # DNS rebinding: the Origin is the host, but the host is not in ALLOWED_HOSTS.
        ("evil.example:8000", "http://evil.example:8000"),
        ("evil.example", None),
        ("", "https://voice.example.com"),
        ("voice.example.com, evil.example", "https://voice.example.com"),
    ],
)
def test_other_origins_are_not_allowed(host: str, origin: str | None) -> None:
    assert not is_origin_allowed(scope(host=host, origin=origin), HOSTS, ORIGINS)


def test_a_repeated_origin_header_is_not_allowed() -> None:
    repeated = scope()
    repeated["headers"].append((b"Origin", b"https://voice.example.com"))
    assert not is_origin_allowed(repeated, HOSTS, ORIGINS)


@given(st.text(st.characters(max_codepoint=255)))
def test_no_origin_value_raises(origin: str) -> None:
    is_origin_allowed(scope(origin=origin), HOSTS, ORIGINS)


@pytest.mark.parametrize(
    ("request_scope", "credential"),
    [
        (scope(offers=("realtime", "relay.ticket.abc")), Credential("ticket", "abc")),
        (scope(authorization="Token abc"), Credential("token", "abc")),
        (scope(authorization="bearer  abc"), Credential("token", "abc")),
        (scope(authorization="Token \tabc\t "), Credential("token", "abc")),
        (scope(authorization="Token abc\x1f"), Credential("token", "abc\x1f")),
        (scope(authorization="Token \x85abc\xa0"), Credential("token", "\x85abc\xa0")),
        (
            scope(offers=("realtime", "relay.ticket.abc"), authorization="Token def"),
            Credential("ticket", "abc"),
        ),
        (scope(query="page=2", authorization="Token abc"), Credential("token", "abc")),
    ],
)
def test_a_ticket_or_a_token_is_read(request_scope: dict[str, Any], credential: Credential) -> None:
    assert read_credential(request_scope) == credential


def test_a_page_without_any_subprotocol_has_lost_it_on_the_way() -> None:
    with pytest.raises(AdmissionRefused, match="subprotocol_missing") as refused:
        read_credential(scope())
    assert refused.value.ending is Ending.UNAUTHENTICATED


def test_the_stated_addresses_are_cut_and_never_guessed() -> None:
    repeated = scope(origin="https://" + "x" * 500)
    repeated["headers"].append((b"host", b"evil.example"))
    addresses = stated_addresses(repeated)
    assert (len(addresses.origin), addresses.host) == (160, "")


@pytest.mark.parametrize(
    "request_scope",
    [
        scope(origin=None),
        scope(offers=("realtime",)),
        scope(offers=("realtime", "relay.ticket.")),
        scope(offers=("realtime", "relay.ticket." + "x" * 513)),
        scope(offers=("realtime", "openai-insecure-api-key.sk-abc")),
        scope(origin=None, cookie="sessionid=abc; token=abc; relay.ticket=abc"),
        scope(authorization="Basic abc"),
        scope(authorization="Token"),
        scope(authorization="Token " + "x" * 513),
    ],
)
def test_nothing_else_is_a_credential(request_scope: dict[str, Any]) -> None:
    with pytest.raises(AdmissionRefused, match="ticket_missing") as refused:
        read_credential(request_scope)
    assert refused.value.ending is Ending.UNAUTHENTICATED


@pytest.mark.parametrize("query", ["token=abc", "ticket=", "x=1&TOKEN=abc", "access_token=a&a=b"])
def test_a_secret_in_the_url_is_refused_even_with_a_ticket(query: str) -> None:
    request_scope = scope(query=query, offers=("realtime", "relay.ticket.abc"))
    with pytest.raises(AdmissionRefused, match="token_in_url"):
        read_credential(request_scope)


def test_only_realtime_is_selected() -> None:
    assert select_subprotocol(scope(offers=("relay.ticket.abc", "realtime"))) == "realtime"
    assert select_subprotocol(scope(offers=("relay.ticket.abc",))) is None


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
def test_the_language_is_the_browsers_first_supported_one(header: str, language: str) -> None:
    assert preferred_language(scope(accept_language=header)) == language


def test_headers_that_were_read_are_removed_from_every_copy_of_the_scope() -> None:
    request_scope = scope(accept_language="ja", authorization="Token secret", cookie="a=b")
    copy = {**request_scope}
    release_headers(copy)
    assert request_scope["headers"] == [(b"accept-language", b"ja")]
    assert preferred_language(request_scope) == "ja"
