"""Costs as text with four decimals."""

from decimal import Decimal

import pytest

from backend.conversations.serializers import usd


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, None),
        (Decimal(0), "0.0000"),
        (Decimal("0.00004"), "0.0000"),
        (Decimal("0.00006"), "0.0001"),
        (Decimal("12.5"), "12.5000"),
        (Decimal("1E+3"), "1000.0000"),
    ],
)
def test_a_cost_has_four_decimals(cost: Decimal | None, text: str | None) -> None:
    assert usd(cost) == text
