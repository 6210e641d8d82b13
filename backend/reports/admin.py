"""The admin's page of numbers by day, and the same numbers as CSV.

Both take the permission `reports.view_dailyfigures`. They read the daily figures only, so their
time does not depend on how much was said.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.text import capfirst

from backend.conversations.ending_words import ending_words
from backend.read_only_admin import ReadOnlyAdmin
from backend.reports import as_csv, numbers
from backend.reports.charts import charts_of, colours_of, cost_text
from backend.reports.days import day_of
from backend.reports.endings import KIND_LABELS, Kind, bad_share, kind_of
from backend.reports.models import DailyFigures, RollUpProgress
from backend.reports.query import PERIODS, Group, Query
from backend.reports.report import Report, read_report
from backend.reports.tally import Tally
from backend.reports.words import WORDS

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[DailyFigures]
else:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin

MOST_ROWS = 50
"""Users or models in the page's table."""
STALE_AFTER = timedelta(hours=1)


@admin.register(DailyFigures)
class DailyFiguresAdmin(ReadOnlyAdmin, _ModelAdmin):
    """Two pages: the numbers, and their CSV."""

    def get_urls(self) -> list[Any]:
        """The page and the file; no page of Django's own for a single row."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="reports_dailyfigures_changelist"),
            path("csv/", view(self.csv_view), name="reports_dailyfigures_csv"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The page. 403 without the permission to view the figures."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = Query.of(request.GET.dict())
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": WORDS["title"],
            "words": WORDS,
            "query": query,
            "periods": _periods(query),
            "groups": _groups(query),
            **_figures(read_report(query, _today())),
            **_freshness(),
        }
        return TemplateResponse(request, "reports/page.html", context)

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """The same figures as a file. 403 without the permission to view them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query, today = Query.of(request.GET.dict()), _today()
        name = f"kaiwa-numbers-{today.isoformat()}-{query.days}-days-{query.group}.csv"
        return HttpResponse(
            as_csv.render(read_report(query, today), query.group),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A link of the page's head."""

    label: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class TableRow:
    """A user or model: the cells after its name."""

    label: str
    colour: str
    cells: list[str]
    is_incomplete: bool


@dataclass(frozen=True, slots=True)
class EndingRow:
    """An ending: how many calls ended so, and their share in percent."""

    label: str
    kind: Kind
    kind_label: str
    calls: str
    percent: str
    share: str


def _today() -> date:
    return day_of(timezone.now())


def _periods(query: Query) -> list[Choice]:
    return [
        Choice(WORDS[f"days_{days}"], Query(days, query.group).address, days == query.days)
        for days in PERIODS
    ]


def _groups(query: Query) -> list[Choice]:
    return [
        Choice(WORDS[f"group_{group}"], Query(query.days, group).address, group == query.group)
        for group in Group
    ]


def _figures(report: Report) -> dict[str, Any]:
    """What the template shows of the report."""
    total = report.total
    rows = [
        _table_row(share.label, colour, share.total)
        for share, colour in zip(report.shares, colours_of(report), strict=True)
    ]
    return {
        "has_figures": bool(report.by_day),
        "tiles": _tiles(total),
        "unpriced": total.unpriced,
        "estimated": total.estimated,
        "charts": charts_of(report),
        "rows": rows[:MOST_ROWS],
        "has_more_rows": len(rows) > MOST_ROWS,
        "endings": _ending_rows(total),
    }


def _tiles(total: Tally) -> list[tuple[str, str]]:
    """The headline figures: a label and a figure each."""
    first_sound = WORDS["first_sound"]
    return [
        (WORDS["calls"], numbers.count(total.calls)),
        (WORDS["minutes"], numbers.minutes(total.minutes)),
        (WORDS["cost"], cost_text(total)),
        (f"{first_sound} · {WORDS['p50']}", numbers.milliseconds(total.p50_ms)),
        (f"{first_sound} · {WORDS['p95']}", numbers.milliseconds(total.p95_ms)),
        (WORDS["bad_share"], numbers.percent(bad_share(total.endings))),
    ]


def _table_row(label: str, colour: str, total: Tally) -> TableRow:
    cells = [
        numbers.count(total.calls),
        numbers.minutes(total.minutes),
        numbers.count(total.answers),
        f"{numbers.count(total.tokens_in)} / {numbers.count(total.tokens_out)}",
        cost_text(total),
        numbers.milliseconds(total.p50_ms),
        numbers.milliseconds(total.p95_ms),
        numbers.percent(bad_share(total.endings)),
    ]
    return TableRow(label, colour, cells, bool(total.unpriced))


def _ending_rows(total: Tally) -> list[EndingRow]:
    """The endings that occurred, the most frequent first."""
    rows = []
    for ending, calls in total.endings.most_common():
        share, kind = calls / total.endings.total(), kind_of(ending)
        rows.append(
            EndingRow(
                label=capfirst(ending_words(ending)),
                kind=kind,
                kind_label=KIND_LABELS[kind],
                calls=numbers.count(calls),
                percent=f"{share * 100:.2f}",
                share=numbers.percent(share),
            )
        )
    return rows


def _freshness() -> dict[str, Any]:
    """When the figures were computed, and what is missing in them."""
    progress = RollUpProgress.objects.filter(pk=RollUpProgress.ONLY).first()
    if progress is None:
        return {"updated_at": None, "is_stale": False, "days_left": 0}
    return {
        "updated_at": progress.updated_at,
        "is_stale": timezone.now() - progress.updated_at > STALE_AFTER,
        "days_left": progress.days_left,
    }
