"""Tallies add up, and are stored and read without a change."""

from collections import Counter
from decimal import Decimal

from backend.reports.histogram import Histogram
from backend.reports.models import DailyFigures
from backend.reports.tally import SUMS, Tally


def some(calls: int = 2, cost: str = "0.0000000001") -> Tally:
    return Tally(
        calls=calls,
        call_ms=90_000,
        turns=5,
        answers=3,
        tokens_in=100,
        tokens_cached=40,
        tokens_out=7,
        cost_usd=Decimal(cost),
        unpriced=1,
        estimated=1,
        endings=Counter(client_left=1, internal=1),
        first_sound=Histogram.of([500, 900]),
    )


def test_two_tallies_add_up() -> None:
    total = some()
    total.merge(some())
    assert (total.calls, total.minutes, total.cost_usd) == (4, 3, Decimal("0.0000000002"))
    assert total.endings == Counter(client_left=2, internal=2)
    assert total.first_sound.total == 4
    assert total.p50_ms is not None and abs(total.p50_ms - 500) <= 10
    assert total.p95_ms is not None and abs(total.p95_ms - 900) <= 18


def test_merging_does_not_change_the_other() -> None:
    other = some()
    Tally().merge(other)
    assert other == some()


def test_a_stored_tally_is_read_as_it_was() -> None:
    assert Tally.from_row(some().as_row()) == some()


def test_every_figure_has_a_column() -> None:
    columns = {field.name for field in DailyFigures._meta.get_fields()}
    assert set(Tally().as_row()) < columns
    assert columns - set(Tally().as_row()) == {"id", "day", "user", "provider", "model"}
    assert set(SUMS) < columns
