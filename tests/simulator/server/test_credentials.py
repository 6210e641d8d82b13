"""Keys in headers and subprotocols."""

import pytest

from backend.simulator.engine.client_secrets import ClientSecrets
from backend.simulator.server.credentials import Authenticator, without_secrets
from backend.simulator.server.http_errors import HttpError

NOW = 1_000.0
BROWSER = {"sec-websocket-protocol": "realtime, openai-insecure-api-key.ek_valid, extra"}


@pytest.fixture
def authenticator() -> Authenticator:
    secrets = ClientSecrets()
    secrets.create({}, "ek_valid", "sess_1", NOW)
    secrets.create({"expires_after": {"seconds": 10}}, "ek_expired", "sess_2", NOW - 10)
    return Authenticator(secrets, lambda: NOW)


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ({"authorization": "Bearer any"}, None),
        ({"authorization": "bearer  sk-any "}, None),
        ({"authorization": "Bearer ek_valid"}, "ek_valid"),
        (BROWSER, "ek_valid"),
        ({"sec-websocket-protocol": "realtime", "authorization": "Bearer any"}, None),
        ({"sec-websocket-protocol": "openai-insecure-api-key.sk-any"}, None),
        ({"api-key": "any"}, None),
        ({"api-key": "any", "authorization": "Bearer ek_expired"}, None),
    ],
)
def test_a_key_is_found_in_each_header(
    authenticator: Authenticator, headers: dict[str, str], secret: str | None
) -> None:
    found = authenticator.credential(headers).secret
    assert (None if found is None else found.value) == secret


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),
        ({"authorization": "Basic abc"}, None),
        ({"authorization": "Bearer "}, None),
        ({"sec-websocket-protocol": "realtime"}, None),
        ({"authorization": "Bearer ek_expired"}, "invalid_api_key"),
        ({"authorization": "Bearer ek_unknown"}, "invalid_api_key"),
        ({"sec-websocket-protocol": "openai-insecure-api-key.ek_expired"}, "invalid_api_key"),
        ({"api-key": " "}, None),
        ({"api-key": "ek_valid"}, "401"),
        ({"api-key": "ek_unknown"}, "401"),
    ],
)
def test_without_a_valid_key_it_is_401(
    authenticator: Authenticator, headers: dict[str, str], code: str | None
) -> None:
    with pytest.raises(HttpError) as caught:
        authenticator.credential(headers)
    assert caught.value.status == 401
    assert (code is None) == ("null" in caught.value.body.rpartition('"code"')[2])


def test_an_ephemeral_key_is_no_standard_key(authenticator: Authenticator) -> None:
    authenticator.require_standard_key({"authorization": "Bearer any"})
    authenticator.require_standard_key({"api-key": "any"})
    for headers in ({"authorization": "Bearer ek_valid"}, {"api-key": "ek_valid"}, BROWSER):
        with pytest.raises(HttpError) as caught:
            authenticator.require_standard_key(headers)
        assert caught.value.status == 401
        assert "ek_valid" not in caught.value.body


def test_a_record_keeps_no_header_with_a_key() -> None:
    secret = {**BROWSER, "authorization": "Bearer x", "api-key": "x"}
    assert without_secrets({**secret, "host": "y"}) == {"host": "y"}
