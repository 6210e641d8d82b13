"""Quantiles of merged histograms are within the stated error of the exact ones."""

import math
import random

import pytest

from backend.reports.histogram import RELATIVE_ERROR, Histogram

SHARES = (0.01, 0.5, 0.95, 1.0)


def exact(values_ms: list[int], share: float) -> int:
    """The nearest-rank quantile."""
    return sorted(values_ms)[max(1, math.ceil(share * len(values_ms))) - 1]


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_of_merged_histograms_are_within_the_error(seed: int) -> None:
    chance = random.Random(seed)
    days = [
        [int(chance.lognormvariate(6.5, 1.2)) for _ in range(chance.randint(1, 300))]
        for _ in range(4)
    ]
    merged = Histogram()
    for day in days:
        merged.merge(Histogram.from_json(Histogram.of(day).as_json()))
    values = [value for day in days for value in day]
    assert merged.total == len(values)
    for share in SHARES:
        found, right = merged.quantile_ms(share), exact(values, share)
        assert found is not None
        assert abs(found - right) <= max(RELATIVE_ERROR * right + 0.5, 1)


@pytest.mark.parametrize("value_ms", [1, 2, 3, 10, 999, 1000, 86_400_000, 2**31 - 1])
def test_each_value_is_in_a_bucket_near_it(value_ms: int) -> None:
    found = Histogram.of([value_ms]).quantile_ms(0.5)
    assert found == pytest.approx(value_ms, rel=RELATIVE_ERROR, abs=0.5)


def test_a_histogram_that_was_merged_can_grow_on_its_own() -> None:
    part, whole = Histogram.of([500]), Histogram.from_json({"0": 1})
    whole.merge(part)
    part.add(500)
    assert (part.total, whole.total) == (2, 2)
    whole.merge(part)
    whole.add(0)
    assert (part.total, whole.total) == (2, 5)
    assert whole.as_json()["0"] == 2
    assert part == Histogram.of([500, 500])


def test_no_sound_before_the_end_of_speech() -> None:
    assert Histogram.of([0, -5]).as_json() == {"0": 2}


def test_the_largest_value_of_the_column_is_in_bucket_538() -> None:
    assert list(Histogram.of([2**31 - 1]).counts) == [538]


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile_ms(0.5) is None
    assert Histogram().as_json() == {}
