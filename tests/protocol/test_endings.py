"""The table of endings: complete, and the same wherever it is used."""

import pytest

from backend.protocol.endings import ENDINGS, Ending, rows

CLOSING = [ending for ending in Ending if ending is not Ending.INTERRUPTED]


def test_every_ending_has_a_row() -> None:
    assert list(ENDINGS) == list(Ending)


def test_every_ending_but_a_dead_worker_has_a_close_code() -> None:
    without = {ending for ending, row in ENDINGS.items() if row.close_code is None}
    assert without == {Ending.INTERRUPTED}
    with pytest.raises(ValueError, match="interrupted"):
        _ = Ending.INTERRUPTED.close_code


@pytest.mark.parametrize("ending", CLOSING)
def test_the_properties_read_the_row(ending: Ending) -> None:
    row = ENDINGS[ending]
    assert ending.close_code == row.close_code
    assert ending.is_retryable == row.is_retryable
    assert ending.is_failure == row.is_failure
    assert ending.drains_upstream == row.drain_upstream


@pytest.mark.parametrize("ending", CLOSING)
def test_close_codes_are_those_that_an_application_may_use(ending: Ending) -> None:
    assert ending.close_code in (1000, 1012) or 4000 <= ending.close_code <= 4999


def test_only_5xx_endings_are_failures() -> None:
    failures = {ending for ending in Ending if ending.is_failure}
    assert failures == {
        ending for ending, row in ENDINGS.items() if (row.close_code or 0) // 100 == 45
    }


def test_no_upstream_is_drained_after_it_failed() -> None:
    assert not any(ending.is_failure and ending.drains_upstream for ending in Ending)


def test_the_rows_are_plain_values() -> None:
    assert rows()[0] == {
        "ending": "client_left",
        "close_code": 1000,
        "is_retryable": False,
        "is_failure": False,
        "drain_upstream": True,
    }
    assert len(rows()) == len(Ending)
