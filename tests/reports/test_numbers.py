"""Figures as people read them."""

from decimal import Decimal

import pytest

from backend.reports import numbers


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.count(0), "0"),
        (numbers.count(1234567), "1,234,567"),
        (numbers.minutes(0), "0"),
        (numbers.minutes(0.25), "0.2"),
        (numbers.minutes(99.94), "99.9"),
        (numbers.minutes(1234.5), "1,234"),
        (numbers.dollars(Decimal(0)), "$0.00"),
        (numbers.dollars(Decimal("0.00000006")), "< $0.0001"),
        (numbers.dollars(Decimal("0.0123")), "$0.0123"),
        (numbers.dollars(Decimal("1234.5")), "$1,234.50"),
        (numbers.milliseconds(None), "–"),
        (numbers.milliseconds(0), "0 ms"),
        (numbers.milliseconds(1420), "1,420 ms"),
        (numbers.milliseconds(12_345), "12.3 s"),
        (numbers.percent(None), "–"),
        (numbers.percent(0.0208), "2.1%"),
    ],
)
def test_figures(shown: str, expected: str) -> None:
    assert shown == expected
