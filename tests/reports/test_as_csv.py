"""The CSV has every figure of the page, opens in Excel, and runs no formula."""

import csv
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from backend.conversations.exports.as_csv import BYTE_ORDER_MARK
from backend.protocol.endings import Ending
from backend.reports.as_csv import render
from backend.reports.histogram import Histogram
from backend.reports.query import Group
from backend.reports.report import Report, Share
from backend.reports.tally import Tally

DAYS = [date(2026, 11, 19), date(2026, 11, 20)]


def report_of(*labels: str) -> Report:
    everything = Share("")
    shares = [Share(label) for label in labels]
    for share in shares:
        for each in (everything, share):
            each.add(
                DAYS[1],
                Tally(
                    calls=3,
                    call_ms=90_000,
                    answers=5,
                    cost_usd=Decimal("0.0000000600"),
                    unpriced=1,
                    endings=Counter(idle=2, melted=1),
                    first_sound=Histogram.of([1]),
                ),
            )
    return Report(DAYS, everything, shares)


def rows(report: Report, group: Group) -> list[dict[str, str]]:
    text = render(report, group)
    assert text.startswith(BYTE_ORDER_MARK)
    return list(csv.DictReader(text.removeprefix(BYTE_ORDER_MARK).splitlines()))


def test_a_row_for_each_day_and_share_with_figures() -> None:
    first, second = rows(report_of("owner", "佐藤 健"), Group.USER)
    assert (first["day"], first["user"], second["user"]) == ("2026-11-20", "owner", "佐藤 健")
    assert (first["calls"], first["minutes"], first["answers"]) == ("3", "1.50", "5")
    assert (first["cost_usd"], first["unpriced"]) == ("0.0000000600", "1")
    assert (first["first_sound_p50_ms"], first["first_sounds"]) == ("1", "1")
    assert (first["ended_idle"], first["ended_completed"]) == ("2", "0")
    assert first["ended_otherwise"] == "1"
    assert {f"ended_{ending}" for ending in Ending} < set(first)


def test_what_is_not_divided_has_one_row_a_day() -> None:
    report = report_of("owner")
    report.shares = []
    (row,) = rows(report, Group.ALL)
    assert row["calls"] == "3" and "user" not in row and "model" not in row


def test_a_day_without_calls_has_no_latency() -> None:
    report = Report(DAYS, Share(""), [])
    report.everything.add(DAYS[0], Tally(answers=1))
    assert rows(report, Group.ALL)[0]["first_sound_p95_ms"] == ""


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "＝1+1", " =1"])
def test_a_username_is_no_formula(name: str) -> None:
    (row,) = rows(report_of(name), Group.USER)
    assert row["user"] == f"'{name}"


def test_every_cell_is_quoted() -> None:
    line = render(report_of("a;=1,b"), Group.USER).splitlines()[1]
    assert line.startswith('"2026-11-20","a;=1,b","3"')


def test_a_cost_that_is_unknown_is_an_empty_cell() -> None:
    report = report_of("ours")
    report.shares[0].by_day[DAYS[1]].cost_usd = Decimal(0)
    (row,) = rows(report, Group.MODEL)
    assert (row["cost_usd"], row["unpriced"]) == ("", "1")
