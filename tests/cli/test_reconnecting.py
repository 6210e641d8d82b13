"""Another attempt, or the end."""

import pytest

from backend.cli.reconnecting import (
    MAX_ATTEMPTS,
    Closing,
    closing_of_code,
    closing_of_event,
    pause_s,
)


def test_the_servers_reason_counts() -> None:
    event = {"reason": "draining", "retryable": True, "message": "Soon.", "retry_after": 3}
    assert closing_of_event(event) == Closing("draining", True, "Soon.", 3.0)
    assert closing_of_event({"retry_after": "x"}) == Closing("internal", False)


@pytest.mark.parametrize(
    ("code", "closing"),
    [
        (4409, Closing("taken_over", False)),
        (4401, Closing("unauthenticated", False)),
        (4408, Closing("connection_lost", True)),
        (1000, Closing("connection_lost", True)),
        (1006, Closing("connection_lost", True)),
    ],
)
def test_without_a_reason_the_close_code_counts(code: int, closing: Closing) -> None:
    assert closing_of_code(code) == closing


def test_pauses_grow_and_come_to_an_end() -> None:
    lost = Closing("connection_lost", True)
    assert [pause_s(lost, attempt, lambda: 0.5) for attempt in range(5)] == [1, 2, 4, 7, 7]
    assert pause_s(lost, 0, lambda: 0.0) == 0.75
    assert pause_s(lost, MAX_ATTEMPTS, lambda: 0.5) is None
    assert pause_s(Closing("taken_over", False), 0, lambda: 0.5) is None


def test_a_server_that_asks_for_patience_gets_it() -> None:
    assert pause_s(Closing("draining", True, "", 20.0), 0, lambda: 0.5) == 20.0
    assert pause_s(Closing("draining", True, "", 900.0), 0, lambda: 0.5) == 60.0
