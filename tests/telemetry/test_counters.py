"""Plain counters: the buckets of a histogram, and costs by model."""

from decimal import Decimal

from backend.telemetry.counters import Histogram, ProcessCounters


def test_a_value_at_a_bound_is_in_its_bucket() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    assert (histogram.counts, histogram.total) == ([2, 2, 1], 14.0)


def test_costs_are_added_by_model_and_an_unknown_price_is_not_zero() -> None:
    counters = ProcessCounters()
    for model, cost in (("a", "0.1"), ("a", "0.2"), ("b", "0")):
        counters.count_costs([(model, Decimal(cost))])
    counters.count_costs([("c", None)])
    assert counters.cost_usd == {"a": Decimal("0.3"), "b": Decimal(0)}
    assert counters.unpriced_usages == {"c": 1}
