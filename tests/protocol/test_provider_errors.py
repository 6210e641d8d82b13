"""The table of the provider's errors, and how an error is looked up in it."""

from typing import Any

import pytest

from backend.protocol.endings import Ending
from backend.protocol.errors import UPSTREAM_CODES
from backend.protocol.provider_errors import (
    PROVIDER_ERRORS,
    Severity,
    fatal_ending,
    is_benign,
    opening_failure,
    rows,
)


def test_an_error_has_an_ending_if_it_can_stop_a_call() -> None:
    for name, row in PROVIDER_ERRORS.items():
        stops = row.severity in (Severity.FATAL, Severity.PREVENTS_OPENING)
        assert stops == (row.ending is not None), name


def test_every_error_that_stops_a_call_has_a_code_for_the_log() -> None:
    stopping = {name for name, row in PROVIDER_ERRORS.items() if row.ending is not None}
    assert stopping <= UPSTREAM_CODES


def test_a_race_is_never_shown() -> None:
    races = [row for row in PROVIDER_ERRORS.values() if row.severity is Severity.BENIGN]
    assert races
    assert not any(row.is_shown for row in races)


@pytest.mark.parametrize(
    ("error", "opening", "fatal"),
    [
        ({"code": "invalid_api_key"}, "invalid_api_key", Ending.PROVIDER_REFUSED),
        ({"type": "insufficient_quota", "code": None}, "insufficient_quota", "provider_refused"),
        ({"code": "session_expired"}, "session_expired", Ending.PROVIDER_UNAVAILABLE),
        # An open call survives one request that was refused.
        ({"code": "rate_limit_exceeded"}, "rate_limit_exceeded", None),
        ({"type": "server_error"}, "server_error", None),
        ({"type": "invalid_request_error", "code": "new"}, "invalid_request_error", None),
        (
            {"type": "insufficient_quota", "code": "server_error"},
            "server_error",
            "provider_refused",
        ),
        ({"code": "invalid_value", "type": "invalid_request_error"}, "invalid_request_error", None),
        ({"code": "response_cancel_not_active"}, None, None),
        ({"code": ["invalid_api_key"], "type": 5}, None, None),
        ({}, None, None),
    ],
)
def test_an_error_is_found_by_its_code_and_else_by_its_type(
    error: dict[str, Any], opening: str | None, fatal: Ending | None
) -> None:
    found = opening_failure(error)
    assert (found and found[0]) == opening
    assert fatal_ending(error) == fatal


def test_a_race_is_known_by_its_code_alone() -> None:
    assert is_benign({"code": "response_cancel_not_active"})
    assert not is_benign({"type": "response_cancel_not_active"})
    assert not is_benign({"code": "invalid_value"})
    assert not is_benign({"code": None})


def test_the_rows_are_plain_values() -> None:
    assert {
        "name": "session_expired",
        "severity": "fatal",
        "ending": "provider_unavailable",
        "is_shown": True,
    } in rows()
    assert len(rows()) == len(PROVIDER_ERRORS)
