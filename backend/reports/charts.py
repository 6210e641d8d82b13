"""Turns a report into charts: each is a table with a row for each day and a column for each series.

The page draws a chart from its table (`static/reports/page.js`), so both have the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.utils.translation import get_language

from backend.reports import numbers
from backend.reports.endings import BAD, KIND_LABELS, Kind, by_kind
from backend.reports.report import Report, Share
from backend.reports.tally import Tally
from backend.reports.words import WORDS

MOST_SERIES = 5
"""More colours than this, and one for the others, cannot be told apart."""
OTHERS_COLOUR = "others"


@dataclass(frozen=True, slots=True)
class Series:
    """A column of a chart's table; `colour` is the suffix of its class in the style sheet."""

    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as people read it, and as it is drawn. An empty value leaves a gap."""

    text: str
    value: str


@dataclass(frozen=True, slots=True)
class Row:
    """A day, its short name on the axis, and its figures."""

    day: date
    label: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: `shape` is `bars` (stacked) or `lines`; `unit` is that of the axis.

    `is_unknown` is true if there is something, but no figure of it is known.
    """

    name: str
    title: str
    note: str
    shape: str
    unit: str
    headline: str
    series: list[Series]
    rows: list[Row]
    is_empty: bool
    is_unknown: bool = False


def charts_of(report: Report) -> list[Chart]:
    """The charts of the page, in order."""
    charted = _charted(report)
    return [
        _divided(
            report, charted, "calls", "count", _calls, lambda tally: numbers.count(tally.calls)
        ),
        _divided(
            report,
            charted,
            "minutes",
            "count",
            _minutes,
            lambda tally: numbers.minutes(tally.minutes),
        ),
        replace(
            _divided(report, charted, "cost", "usd", _cost, cost_text),
            is_unknown=report.total.known_cost_usd is None,
        ),
        _latency(report),
        _endings(report),
    ]


def cost_text(tally: Tally) -> str:
    """The known cost in dollars; `unknown` if none of it is known."""
    cost = tally.known_cost_usd
    return WORDS["unknown"] if cost is None else numbers.dollars(cost)


def colours_of(report: Report) -> list[str]:
    """The colour of each share, the same in all charts."""
    first = [str(number) for number in range(len(report.shares[:MOST_SERIES]))]
    return first + [OTHERS_COLOUR] * (len(report.shares) - len(first))


def day_label(day: date) -> str:
    """The day on the axis: `28 Nov`, in Japanese `11/28`."""
    if (get_language() or "").startswith("ja"):
        return f"{day.month}/{day.day}"
    return f"{day.day} {_MONTHS[day.month - 1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOTHING = Tally()
_calls, _minutes, _cost = attrgetter("calls"), attrgetter("minutes"), attrgetter("cost_usd")


def _divided(
    report: Report,
    charted: list[tuple[Share, str]],
    name: str,
    unit: str,
    figure: Callable[[Tally], Any],
    text: Callable[[Tally], str],
) -> Chart:
    """A chart of stacked bars: one part for each of the first shares, one for the others."""
    columns = [
        (Series(share.label, colour), share)
        for share, colour in charted
        # A transcription model has no calls, so it is not in their chart.
        if figure(share.total)
    ]
    rows = [
        Row(day, day_label(day), [_cell(_of(share, day), figure, text) for _, share in columns])
        for day in report.days
    ]
    return Chart(
        name, WORDS[f"{name}_title"], WORDS[f"{name}_note"], "bars", unit, text(report.total),
        [series for series, _ in columns], rows, not figure(report.total),
    )  # fmt: skip


def _charted(report: Report) -> list[tuple[Share, str]]:
    """The shares that have a colour of their own, then the sum of the others."""
    if not report.shares:
        report.everything.label = WORDS["everything"]
        return [(report.everything, "0")]
    first, rest = report.shares[:MOST_SERIES], report.shares[MOST_SERIES:]
    charted = list(zip(first, colours_of(report), strict=False))
    if rest:
        others = Share(f"{WORDS['others']} ({len(rest)})")
        for share in rest:
            for day, tally in share.by_day.items():
                others.add(day, tally)
        charted.append((others, OTHERS_COLOUR))
    return charted


def _of(share: Share, day: date) -> Tally:
    return share.by_day.get(day, _NOTHING)


def _cell(
    tally: Tally, figure: Callable[[Tally], float | Decimal], text: Callable[[Tally], str]
) -> Cell:
    return Cell(text(tally), f"{figure(tally):.9g}")


def _latency(report: Report) -> Chart:
    """Two lines: the median and the 95th percentile of the time to the first sound."""
    rows = []
    for day in report.days:
        tally = _of(report.everything, day)
        figures = (tally.p50_ms, tally.p95_ms)
        cells = [Cell(numbers.milliseconds(ms), "" if ms is None else str(ms)) for ms in figures]
        rows.append(Row(day, day_label(day), cells))
    total = report.total
    return Chart(
        "latency", WORDS["latency_title"], WORDS["latency_note"], "lines", "ms",
        f"{numbers.milliseconds(total.p50_ms)} / {numbers.milliseconds(total.p95_ms)}",
        [Series(WORDS["p50"], "p50"), Series(WORDS["p95"], "p95")],
        rows, total.p50_ms is None,
    )  # fmt: skip


def _endings(report: Report) -> Chart:
    """Stacked bars: the calls of each kind of ending."""
    totals = by_kind(report.total.endings)
    kinds = [kind for kind in Kind if totals[kind]]
    rows = []
    for day in report.days:
        counts = by_kind(_of(report.everything, day).endings)
        cells = [Cell(numbers.count(counts[kind]), str(counts[kind])) for kind in kinds]
        rows.append(Row(day, day_label(day), cells))
    bad = sum(totals[kind] for kind in BAD)
    return Chart(
        "endings", WORDS["endings_title"], WORDS["endings_note"], "bars", "count",
        f"{numbers.count(bad)} {WORDS['bad']}",
        [Series(KIND_LABELS[kind], kind) for kind in kinds], rows, not kinds,
    )  # fmt: skip
