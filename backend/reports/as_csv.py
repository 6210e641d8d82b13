"""The numbers as CSV: one row for each day and user or model that has figures.

Like the export of sessions it begins with a byte order mark, quotes every cell, and puts an
apostrophe before what a spreadsheet could run as a formula: a username may be one.
"""

import csv
import io

from backend.conversations.exports.as_csv import BYTE_ORDER_MARK, defused
from backend.protocol.endings import Ending
from backend.reports.query import Group
from backend.reports.report import Report
from backend.reports.tally import SUMS, Tally

_FIGURES = tuple(name for name in SUMS if name not in ("call_ms", "cost_usd"))


def render(report: Report, group: Group) -> str:
    """The table, from the first day on. A column has the same name in every language.

    The ending of a later version, which is not in `Ending` yet, is counted in `ended_otherwise`.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(_heading(group))
    shares = report.shares or [report.everything]
    for day in report.days:
        for share in shares:
            if (tally := share.by_day.get(day)) is not None:
                label = [] if group is Group.ALL else [share.label]
                cells = [day.isoformat(), *label, *_cells(tally)]
                writer.writerow([defused(cell) for cell in cells])
    return BYTE_ORDER_MARK + buffer.getvalue()


def _heading(group: Group) -> list[str]:
    divided = [] if group is Group.ALL else [group.value]
    endings = [f"ended_{ending}" for ending in Ending]
    times = ["first_sound_p50_ms", "first_sound_p95_ms", "first_sounds"]
    return ["day", *divided, *_FIGURES, "minutes", "cost_usd", *times, *endings, "ended_otherwise"]


def _cells(tally: Tally) -> list[str]:
    known = [tally.endings[ending] for ending in Ending]
    latencies = (tally.p50_ms, tally.p95_ms)
    return [
        *(str(getattr(tally, name)) for name in _FIGURES),
        f"{tally.minutes:.2f}",
        "" if tally.known_cost_usd is None else f"{tally.cost_usd:f}",
        *("" if ms is None else str(ms) for ms in latencies),
        str(tally.first_sound.total),
        *map(str, known),
        str(tally.endings.total() - sum(known)),
    ]
