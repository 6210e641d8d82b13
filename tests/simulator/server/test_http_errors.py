"""Errors of HTTP requests, and the key of a request."""

import json

import pytest

from backend.simulator.engine.errors import invalid_value
from backend.simulator.engine.mishaps import Api, Kind, Mishap
from backend.simulator.server.http_errors import (
    HttpError,
    http_error,
    incorrect_key,
    key_of,
    refusal_of,
)


def test_an_error_has_the_providers_format() -> None:
    error = http_error(invalid_value("session.model", "a model"))
    assert error.status == 400
    assert json.loads(error.body)["error"] == {
        "message": "Invalid value for 'session.model': expected a model.",
        "type": "invalid_request_error",
        "param": "session.model",
        "code": "invalid_value",
    }


@pytest.mark.parametrize(
    ("kind", "api", "status"),
    [
        (Kind.REFUSE, "responses", 503),
        (Kind.REDIRECT, "calls", 302),
        (Kind.RATE_LIMIT, "responses", 429),
        (Kind.RATE_LIMIT, "calls", None),
        (Kind.INVALID_KEY, "calls", 401),
        (Kind.SLOW, "responses", None),
    ],
)
def test_some_mishaps_refuse_a_request(kind: Kind, api: Api, status: int | None) -> None:
    refusal = refusal_of(Mishap(kind), api)
    assert (None if refusal is None else refusal.status) == status


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer  ", "Basic abc", "sk-abc"])
def test_a_request_without_a_key_is_401(authorization: str) -> None:
    with pytest.raises(HttpError) as caught:
        key_of({"authorization": authorization})
    assert caught.value.status == 401


def test_the_key_is_what_follows_bearer() -> None:
    assert key_of({"authorization": "bearer \tsk-abc "}) == "sk-abc"


def test_azures_key_has_a_header_of_its_own() -> None:
    assert key_of({"api-key": " abc\t"}) == "abc"
    assert key_of({"api-key": "", "authorization": "Bearer sk-abc"}) == "sk-abc"


@pytest.mark.parametrize(
    ("headers", "code"), [({"api-key": "x"}, "401"), ({"authorization": "x"}, "invalid_api_key")]
)
def test_a_wrong_key_is_refused_as_its_provider_does(headers: dict[str, str], code: str) -> None:
    error = incorrect_key("a-very-secret-key", headers)
    assert (error.status, json.loads(error.body)["error"]["code"]) == (401, code)
    assert "very-secret" not in error.body
