"""Errors of HTTP requests, and the key of a request."""

import json

import pytest

from backend.simulator.engine.errors import invalid_value
from backend.simulator.engine.mishaps import Api, Kind, Mishap
from backend.simulator.server.http_errors import HttpError, bearer_key, http_error, refusal_of


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
        bearer_key(authorization)
    assert caught.value.status == 401


def test_the_key_is_what_follows_bearer() -> None:
    assert bearer_key("bearer \tsk-abc ") == "sk-abc"
