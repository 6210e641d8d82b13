"""The documents agree with the code: events, codes, endings, commands and file paths."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from backend.protocol.budget_state import BudgetLevel, BudgetState
from backend.protocol.endings import ENDINGS, Ending
from backend.relay import client_policy, relay_events
from backend.relay.budget_watch import BudgetLevelChange
from backend.relay.plan import CallPlan
from backend.wording import SENTENCES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
OPERATIONS = sorted((ROOT / "docs" / "operations").glob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")

PLAN = CallPlan("call", "session", language="en", model="m", voice="v", session={})


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """The smallest and the fullest frame of one of the relay's own events."""

    least: Callable[[], str]
    most: Callable[[], str]


def _always(frame: Callable[[], str]) -> OwnEvent:
    return OwnEvent(frame, frame)


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BUDGET = BudgetState("money", Decimal(2), Decimal(1), NOW)

OWN_EVENTS = {
    "relay.ready": _always(lambda: relay_events.ready("e", PLAN)),
    "relay.error": OwnEvent(
        lambda: relay_events.error("e", "too_early", "en"),
        lambda: relay_events.error(
            "e", "too_early", "en", retry_after_s=1, detail={"where": "x"}, resets_at=NOW
        ),
    ),
    "relay.draining": _always(lambda: relay_events.draining("e")),
    "relay.rotating": _always(lambda: relay_events.rotating("e", "cap")),
    "relay.rotated": _always(lambda: relay_events.rotated("e", "cap", "renewed")),
    "relay.budget": OwnEvent(
        lambda: relay_events.budget("e", BudgetLevelChange("money", BudgetLevel.OK, None)),
        lambda: relay_events.budget("e", BudgetLevelChange("money", BUDGET.level, BUDGET)),
    ),
    "relay.closing": OwnEvent(
        lambda: relay_events.closing("e", Ending.IDLE, "en"),
        lambda: relay_events.closing("e", Ending.IDLE, "en", retry_after_s=1, resets_at=NOW),
    ),
    "relay.pong": _always(lambda: relay_events.pong("e")),
}


def _rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    lines = (line for line in text.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _fields(frame: str) -> set[str]:
    return set(json.loads(frame)) - {"type", "event_id"}


def test_the_relays_own_events_are_documented_with_every_field() -> None:
    documented = {row[0].strip("`"): row[2] for row in _rows(API) if row[0].startswith("`relay.")}
    assert set(documented) == {*OWN_EVENTS, client_policy.PING}
    for name, event in OWN_EVENTS.items():
        always = set(re.findall(r"(?<!\*)`(\w+)`", documented[name]))
        sometimes = set(re.findall(r"\*`(\w+)`\*", documented[name]))
        assert always == _fields(event.least()), name
        assert always | sometimes == _fields(event.most()), name


def test_the_code_sends_no_other_event_of_its_own() -> None:
    sources = (ROOT / "backend").rglob("*.py")
    named = {
        name
        for path in sources
        for name in re.findall(r'"(relay\.[a-z]+)"', path.read_text(encoding="utf-8"))
    }
    assert named == {*OWN_EVENTS, client_policy.PING}


def test_every_event_that_a_client_may_send_is_documented() -> None:
    for name in client_policy.PAGE_POLICY.events:
        stem, _, last = name.rpartition(".")
        assert f"`{name}`" in API or (f"`{stem}." in API and f"`.{last}`" in API), name


def test_every_error_code_is_documented_with_its_sentence() -> None:
    rows = {cell.strip("`"): row[-1] for row in _rows(API) for cell in row[:2] if "`" in cell}
    assert {code: rows.get(code) for code in SENTENCES} == {
        code: sentences["en"] for code, sentences in SENTENCES.items()
    }


def test_every_close_code_is_documented_with_its_ending() -> None:
    rows = [row[:3] for row in _rows(API) if row[0] == "" or re.fullmatch(r"\d{4}", row[0])]
    assert rows == [
        [str(row.close_code or ""), f"`{ending}`", "yes" if row.is_retryable else "no"]
        for ending, row in ENDINGS.items()
    ]


@pytest.mark.parametrize("document", [*DOCUMENTS, *OPERATIONS], ids=lambda path: path.name)
def test_every_path_in_a_document_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:backend|frontend|tests|docs|bench|nginx)/[\w./-]*)`", text))
    linked = {
        str((document.parent / link).resolve().relative_to(ROOT))
        for link in re.findall(r"\]\(([\w./-]+)\)", text)
    }
    # `call_logic.py` after `backend/relay/` in the same table row is a file of that folder.
    inside = {
        f"{folder}{name}"
        for line in text.splitlines()
        for folder in re.findall(r"^\| `((?:backend|frontend|tests)/[\w/]*/)` \|", line)
        for name in re.findall(r"`(\w+\.(?:py|js))`", line)
    }
    assert not {path for path in named | linked | inside if not (ROOT / path).exists()}


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *OPERATIONS, ROOT / "README.md"], ids=lambda path: path.name
)
def test_a_document_names_only_make_commands_that_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    assert set(re.findall(r"`(?:\w+=\S+ )*make ([a-z-]+)", text)) <= targets


def test_every_cited_section_of_the_protocol_exists() -> None:
    sections = set(re.findall(r"^##+ ([\d.]+?)\.? ", PROTOCOL, flags=re.MULTILINE))
    cited = {
        section
        for folder in ("backend", "frontend", "tests")
        for path in (ROOT / folder).rglob("*.[pj][ys]")
        for section in re.findall(
            r"(?i)(?:protocol section |protocol §|protocol\.md section )([\d.]*\d)",
            path.read_text(encoding="utf-8"),
        )
    }
    assert cited
    assert cited <= sections


def test_the_readme_links_to_every_document() -> None:
    assert all(f"({path.relative_to(ROOT)})" in README for path in DOCUMENTS)


def test_the_page_on_deployment_links_to_every_page_on_operations() -> None:
    deployment = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert all(f"(operations/{path.name})" in deployment for path in OPERATIONS)


def test_the_readme_and_the_deployment_guide_show_the_same_nginx() -> None:
    deployment = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    blocks = [re.findall(r"```nginx\n(.*?)```", text, re.DOTALL) for text in (README, deployment)]
    assert blocks[0] == blocks[1]
    assert len(blocks[0]) == 1
