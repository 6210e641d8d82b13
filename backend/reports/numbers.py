"""Figures as people read them. PURE."""

from decimal import Decimal

NONE = "–"
"""Shown where there is no figure, such as a latency of a day without calls."""


def count(number: float) -> str:
    """`1,234`."""
    return f"{number:,.0f}"


def minutes(number: float) -> str:
    """`1,234`; below 100 with one decimal: `12.3`."""
    return f"{number:,.1f}" if 0 < number < 100 else count(number)


def dollars(amount: Decimal) -> str:
    """`$1,234.50`; below a dollar with four decimals: `$0.0123`. A tiny sum is not shown as 0."""
    if not amount or amount >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.4f}" if amount >= Decimal("0.0001") else "< $0.0001"


def milliseconds(number: int | None) -> str:
    """`820 ms`; from ten seconds on in seconds: `12.3 s`."""
    if number is None:
        return NONE
    return f"{number:,} ms" if number < 10_000 else f"{number / 1000:,.1f} s"


def percent(share: float | None) -> str:
    """`2.1%`."""
    return NONE if share is None else f"{share * 100:.1f}%"
