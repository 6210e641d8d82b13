"""HTTP statuses and close codes that mean the same with any provider."""

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


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (200, UpstreamFailed, "not_a_websocket"),
        (308, UpstreamRefused, "redirected"),
        (401, UpstreamRefused, "invalid_api_key"),
        (408, UpstreamTimeout, "timed_out"),
        (418, UpstreamRefused, "request_refused"),
        (429, UpstreamUnavailable, "rate_limit_exceeded"),
        (503, UpstreamUnavailable, "server_error"),
        (999, UpstreamFailed, "handshake_broken"),
    ],
)
def test_a_status_has_its_own_meaning_or_that_of_its_class(
    status: int, kind: type[UpstreamError], code: str
) -> None:
    assert failures.of_status(status) == (kind, code)


@pytest.mark.parametrize(
    ("close_code", "kind", "code"),
    [
        (1000, UpstreamUnavailable, "connection_ended"),
        (1006, UpstreamFailed, "connection_lost"),
        (1008, UpstreamRefused, "request_refused"),
        (1002, UpstreamFailed, "connection_broken"),
        (4001, UpstreamFailed, "connection_broken"),
    ],
)
def test_a_close_code_that_no_standard_names_broke_the_protocol(
    close_code: int, kind: type[UpstreamError], code: str
) -> None:
    assert failures.of_close(close_code) == (kind, code)


def test_each_error_class_is_found_by_its_ending() -> None:
    for error in (UpstreamRefused, UpstreamUnavailable, UpstreamTimeout, UpstreamFailed):
        assert failures.class_of(error.ending) is error


@given(st.integers(0, 65_535))
def test_every_number_has_a_known_code(number: int) -> None:
    assert failures.of_status(number)[1] in UPSTREAM_CODES
    assert failures.of_close(number)[1] in UPSTREAM_CODES


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
    assert failures.seconds_of(header) == seconds
