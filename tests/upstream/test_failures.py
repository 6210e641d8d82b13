"""What statuses, close codes and error events mean, row by row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.errors import (
    UPSTREAM_CODES,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from backend.upstream import failures


def body(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("status", "answered", "kind", "code"),
    [
        (200, b"", UpstreamFailed, "not_a_websocket"),
        (302, b"", UpstreamRefused, "redirected"),
        (302, body(code="rate_limit_exceeded"), UpstreamRefused, "redirected"),
        (400, b"", UpstreamRefused, "request_refused"),
        (400, body(type="invalid_request_error", code=None), UpstreamRefused, "request_refused"),
        (401, b"", UpstreamRefused, "invalid_api_key"),
        (401, body(code="account_deactivated"), UpstreamRefused, "account_deactivated"),
        (403, body(type="invalid_request_error"), UpstreamRefused, "access_denied"),
        (404, b"", UpstreamRefused, "model_not_found"),
        (408, b"", UpstreamTimeout, "timed_out"),
        (429, b"<html>", UpstreamUnavailable, "rate_limit_exceeded"),
        (429, body(type="insufficient_quota"), UpstreamRefused, "insufficient_quota"),
        (429, body(code="insufficient_quota"), UpstreamRefused, "insufficient_quota"),
        (500, b"", UpstreamUnavailable, "server_error"),
        (503, body(code="invalid_api_key"), UpstreamUnavailable, "server_error"),
    ],
)
def test_a_refused_upgrade(
    status: int, answered: bytes, kind: type[UpstreamError], code: str
) -> None:
    error = failures.of_status(status, None, answered)
    assert (type(error), error.code, error.status) == (kind, code, status)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("999999", 3600.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("nan", None),
        ("٣", None),
        # `str.strip` takes U+001F for white space, and `float` does not.
        ("0\x1f", None),
        ("\t7 ", 7.0),
        (None, None),
    ],
)
def test_retry_after_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert failures.of_status(429, header, b"").retry_after_s == seconds


@pytest.mark.parametrize(
    ("close_code", "reason", "kind", "code"),
    [
        (1000, "", UpstreamUnavailable, "connection_ended"),
        (1001, "", UpstreamUnavailable, "connection_ended"),
        (
            1001,
            "Your session hit the maximum duration of 60 minutes.",
            UpstreamUnavailable,
            "session_expired",
        ),
        (1000, "session_expired", UpstreamUnavailable, "session_expired"),
        (1002, "", UpstreamFailed, "connection_broken"),
        (1005, "", UpstreamUnavailable, "connection_ended"),
        (1006, "", UpstreamFailed, "connection_lost"),
        (1008, "no", UpstreamRefused, "request_refused"),
        (1009, "", UpstreamFailed, "frame_too_large"),
        (1011, "oops", UpstreamFailed, "server_error"),
        (1012, "", UpstreamUnavailable, "connection_ended"),
        (1013, "", UpstreamUnavailable, "connection_ended"),
        (3000, "", UpstreamRefused, "invalid_api_key"),
        (3000, "invalid_request_error.invalid_api_key", UpstreamRefused, "invalid_api_key"),
        (
            4000,
            "invalid_request_error.beta_api_shape_disabled",
            UpstreamRefused,
            "beta_api_shape_disabled",
        ),
        (4000, "invalid_request_error.something_new", UpstreamRefused, "invalid_request_error"),
        (4000, "server_error.whatever", UpstreamUnavailable, "server_error"),
        (4008, "requests.rate_limit_exceeded", UpstreamUnavailable, "rate_limit_exceeded"),
        (4000, "sk-secret was wrong", UpstreamRefused, "request_refused"),
        (4999, "", UpstreamFailed, "connection_broken"),
    ],
)
def test_a_close(close_code: int, reason: str, kind: type[UpstreamError], code: str) -> None:
    error = failures.of_close(close_code, reason)
    assert (type(error), error.code, error.status) == (kind, code, close_code)


def test_our_own_keepalive_says_that_the_provider_stalled() -> None:
    error = failures.of_close(1011, "keepalive ping timeout", was_ours=True)
    assert (type(error), error.code) == (UpstreamFailed, "stalled")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (
            {"type": "invalid_request_error", "code": "invalid_api_key"},
            "refused",
            "invalid_api_key",
        ),
        ({"type": "invalid_request_error", "code": "new"}, "refused", "invalid_request_error"),
        ({"type": "insufficient_quota", "code": None}, "refused", "insufficient_quota"),
        ({"type": "server_error"}, "unavailable", "server_error"),
        ({"code": "session_expired"}, "unavailable", "session_expired"),
        ({"code": ["invalid_api_key"]}, "failed", "error_event"),
        ({}, "failed", "error_event"),
        (None, "failed", "error_event"),
    ],
)
def test_an_error_event_before_the_session(error: object, kind: str, code: str) -> None:
    found = failures.of_error_event(error)
    assert (found.ending, found.code) == (f"provider_{kind}", code)


@given(status=st.integers(100, 999), answered=st.binary(max_size=64), header=st.text(max_size=8))
def test_any_answer_gets_a_code_of_ours(status: int, answered: bytes, header: str) -> None:
    assert failures.of_status(status, header, answered).code in UPSTREAM_CODES


@given(code=st.integers(0, 65_535), reason=st.text(max_size=40), was_ours=st.booleans())
def test_any_close_gets_a_code_of_ours(code: int, reason: str, was_ours: bool) -> None:
    assert failures.of_close(code, reason, was_ours=was_ours).code in UPSTREAM_CODES
