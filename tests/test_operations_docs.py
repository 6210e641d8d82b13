"""The operators' files name only metrics, log events, sections and words that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.protocol.endings import Ending
from backend.protocol.errors import ERROR_CODES, UPSTREAM_CODES
from backend.telemetry.metrics import METRICS, Kind

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "operations"
RUNBOOK = (FOLDER / "runbook.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))

OF_THE_CLIENT_LIBRARY = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
OF_PROMETHEUS = {"up"}
OF_EACH_SERIES = {"instance", "worker"}
"""Whose it is: the labels of Prometheus, and of one of several workers (`sibling_metrics`)."""
LABELS = {info.label for info in METRICS} | {"le", "job"} | OF_EACH_SERIES


def exposed_names() -> set[str]:
    """Every series name that `/metrics` can have."""
    names = set(OF_THE_CLIENT_LIBRARY)
    for info in METRICS:
        parts = ("_bucket", "_count", "_sum") if info.kind is Kind.HISTOGRAM else ("",)
        names |= {f"{info.name}{part}" for part in parts}
    return names


def alert_rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in alert_rules())


def metrics_in(query: str) -> set[str]:
    """The series names of a query: `kaiwa_…`, `process_…` and `up`."""
    return set(re.findall(r"\b(?:kaiwa|process)_\w+|\bup\b", query))


def events_in_code() -> set[str]:
    """Every `component.event` that a string of the backend is."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "backend").rglob("*.py"))
    return {name for text in sources for name in re.findall(r'"([a-z]+\.[a-z_]+)[" ]', text)}


@pytest.mark.parametrize("query", [*queries()])
def test_every_metric_and_label_of_a_query_exists(query: str) -> None:
    used = metrics_in(query)
    assert used and used <= exposed_names() | OF_PROMETHEUS
    grouped = {name for group in re.findall(r"by \(([^)]*)\)", query) for name in group.split(", ")}
    selected = set(re.findall(r"[{,]\s*(\w+)(?:=|!=|=~)\"", query))
    assert grouped | selected <= LABELS


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for panel in DASHBOARD["panels"] for target in panel["targets"]
             for name in metrics_in(target["expr"])}  # fmt: skip
    for info in METRICS:
        assert {info.name, f"{info.name}_bucket"} & shown, info.name


def test_every_label_in_a_legend_is_grouped_by() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = set(re.findall(r"\w+", target["expr"]))
            assert labels - OF_EACH_SERIES <= grouped, panel["title"]


def test_every_alert_has_a_severity_a_sentence_and_a_section_of_the_runbook() -> None:
    headings = re.findall(r"^## (.*)$", RUNBOOK, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    names = [rule["alert"] for rule in alert_rules()]
    assert len(set(names)) == len(names)
    for rule in alert_rules():
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (path, anchor in anchors) == ("docs/operations/runbook.md", True), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".")


def test_the_runbook_lists_every_metric_with_its_meaning() -> None:
    rows = [
        f"| `{info.name}`{f' by `{info.label}`' if info.label else ''} | {info.kind} |"
        f" {info.meaning} |"
        for info in METRICS
    ]
    table = RUNBOOK.partition("| metric | type | means |")[2]
    assert [line for line in table.splitlines() if line.startswith("| `kaiwa_")] == rows


def test_every_log_event_and_metric_that_the_runbook_names_exists() -> None:
    quoted = set(re.findall(r"`([^`\n]+)`", RUNBOOK))
    known = events_in_code()
    components = {name.partition(".")[0] for name in known}
    events = {
        word for word in quoted
        if re.fullmatch(r"[a-z]+\.[a-z_]+", word) and word.partition(".")[0] in components
    }  # fmt: skip
    assert len(events) >= 20
    assert events <= known | {"relay.draining"}
    metrics = {name for word in quoted for name in re.findall(r"\bkaiwa_\w+", word)}
    assert metrics <= exposed_names() | {info.name for info in METRICS}


def test_every_ending_and_code_that_the_runbook_names_exists() -> None:
    endings = set(re.findall(r"ending=(\w+)", RUNBOOK))
    assert endings and endings <= set(Ending)
    codes = set(re.findall(r'code="?(\w+)', RUNBOOK))
    assert codes and codes <= ERROR_CODES | UPSTREAM_CODES
