"""Money as text, and nothing that is not a number."""

from decimal import Decimal

import pytest

from backend.conversations.serializers import usd


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (None, None),
        (Decimal(0), "0.0000"),
        (Decimal("0.00004"), "0.0000"),
        (Decimal("0.00006"), "0.0001"),
        (Decimal("12.5"), "12.5000"),
        (Decimal("1E+3"), "1000.0000"),
    ],
)
def test_money_is_told_to_a_hundredth_of_a_cent(cost: Decimal | None, told: str | None) -> None:
    assert usd(cost) == told
