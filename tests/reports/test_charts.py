"""Charts have a row for each day, few series, and the same numbers as their report."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from backend.reports.charts import MOST_SERIES, Chart, charts_of, colours_of, day_label
from backend.reports.histogram import Histogram
from backend.reports.report import Report, Share
from backend.reports.tally import Tally

DAYS = [date(2026, 11, 19), date(2026, 11, 20)]


def tally(calls: int, cost: str = "1") -> Tally:
    return Tally(
        calls=calls,
        call_ms=calls * 90_000,
        cost_usd=Decimal(cost),
        endings=Counter(client_left=calls),
        first_sound=Histogram.of([1000] * calls),
    )


def report_of(*shares: tuple[str, Tally]) -> Report:
    """A report of these figures, all on the second day."""
    everything = Share("")
    divided = []
    for label, figures in shares:
        share = Share(label)
        for each in (everything, share):
            each.add(DAYS[1], figures)
        divided.append(share)
    return Report(DAYS, everything, divided)


def chart(report: Report, name: str) -> Chart:
    return next(chart for chart in charts_of(report) if chart.name == name)


def values(chart: Chart) -> list[list[str]]:
    return [[cell.value for cell in row.cells] for row in chart.rows]


def test_each_share_is_a_series_and_each_day_a_row() -> None:
    calls = chart(report_of(("large", tally(3)), ("mini", tally(1500))), "calls")
    assert [series.label for series in calls.series] == ["large", "mini"]
    assert values(calls) == [["0", "0"], ["3", "1500"]]
    assert [cell.text for cell in calls.rows[1].cells] == ["3", "1,500"]
    assert (calls.headline, calls.shape, calls.is_empty) == ("1,503", "bars", False)


def test_minutes_and_costs() -> None:
    report = report_of(("large", tally(3, "1.25")))
    assert values(chart(report, "minutes")) == [["0"], ["4.5"]]
    cost = chart(report, "cost")
    assert (values(cost), cost.headline, cost.unit) == ([["0"], ["1.25"]], "$1.25", "usd")


def test_a_cost_that_is_unknown_is_not_shown_as_zero() -> None:
    unknown = tally(2, "0")
    unknown.unpriced = 2
    priced = replace(tally(1), unpriced=1)
    cost = chart(report_of(("ours", unknown)), "cost")
    assert (cost.headline, cost.is_empty, cost.is_unknown) == ("unknown", True, True)
    both = report_of(("priced", priced))
    both.shares[0].add(DAYS[0], unknown)
    cost = chart(both, "cost")
    assert (cost.headline, cost.is_empty, cost.is_unknown) == ("$1.00", False, False)
    assert [row.cells[0].text for row in cost.rows] == ["unknown", "$1.00"]


def test_what_is_not_divided_is_one_series() -> None:
    report = report_of(("large", tally(3)))
    report.shares = []
    calls = chart(report, "calls")
    assert [str(series.label) for series in calls.series] == ["All"]
    assert values(calls) == [["0"], ["3"]]


def test_more_shares_than_colours_are_added_up() -> None:
    report = report_of(*((f"user-{n}", tally(1)) for n in range(MOST_SERIES + 3)))
    calls = chart(report, "calls")
    assert [str(series.label) for series in calls.series][MOST_SERIES:] == ["Others (3)"]
    assert values(calls)[1] == ["1"] * MOST_SERIES + ["3"]
    assert colours_of(report) == ["0", "1", "2", "3", "4", "others", "others", "others"]


def test_a_model_without_calls_is_in_the_chart_of_costs_only() -> None:
    report = report_of(("talks", tally(1)), ("transcribes", tally(0)), ("writes", tally(2)))
    assert [series.colour for series in chart(report, "calls").series] == ["0", "2"]
    assert [series.colour for series in chart(report, "cost").series] == ["0", "1", "2"]


def test_latencies_are_lines_with_gaps() -> None:
    latency = chart(report_of(("large", tally(3))), "latency")
    assert (latency.shape, latency.unit) == ("lines", "ms")
    gap, day = values(latency)
    assert gap == ["", ""]
    assert all(abs(int(value) - 1000) <= 20 for value in day)


def test_endings_are_shown_by_kind() -> None:
    figures = tally(3)
    figures.endings.update(internal=2, too_slow=1, idle=1)
    endings = chart(report_of(("large", figures)), "endings")
    assert [series.colour for series in endings.series] == ["normal", "lost", "failed"]
    assert values(endings)[1] == ["4", "1", "2"]
    assert endings.headline == "3 lost or failed"


def test_nothing_is_empty() -> None:
    assert all(chart.is_empty for chart in charts_of(Report(DAYS, Share(""), [])))


@pytest.mark.parametrize(("language", "label"), [("en", "9 Jan"), ("ja", "1/9")])
def test_days_are_short_in_the_readers_language(language: str, label: str) -> None:
    with translation.override(language):
        assert day_label(DAYS[1].replace(month=1) - timedelta(days=11)) == label
