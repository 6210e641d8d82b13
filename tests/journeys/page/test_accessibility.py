"""axe-core finds no accessibility violation in any state of the page."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.journeys.page.tour import Look, speaking_browser, tour
from tests.journeys.page.visitor import Visitor
from tests.journeys.stack import ROOT, Stack

pytestmark = [pytest.mark.page, pytest.mark.untimed_audio]

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
LOOKS = (Look("en", "light", 1280), Look("ja", "dark", 360))


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_axe_finds_no_violation_in_any_state(
    look: Look, playwright: Playwright, stack: Stack, tmp_path: Path, measurements: dict[str, str]
) -> None:
    violations: dict[str, list[Any]] = {}
    with speaking_browser(playwright, tmp_path, look) as browser:
        for state, visitor in tour(browser, stack, look):
            violations[state] = find_violations(visitor, "#help" if "help-" in state else "html")
            too_wide_px = visitor.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if too_wide_px > 0:
                violations[state].append(f"wider than the screen by {too_wide_px} px")
    assert {state: found for state, found in violations.items() if found} == {}
    measurements[f"states checked by axe-core, {look}"] = str(len(violations))


def find_violations(visitor: Visitor, within: str) -> list[Any]:
    """Return axe-core's violations, each with its elements."""
    if not visitor.page.evaluate("'axe' in globalThis"):
        visitor.page.evaluate(AXE)
    found: list[Any] = visitor.page.evaluate(
        """async (within) => {
          // Wait for fade-ins, which have low contrast; ignore animations that never end.
          const ending = document.getAnimations()
            .filter((animation) => Number.isFinite(animation.effect.getComputedTiming().endTime));
          await Promise.allSettled(ending.map(({ finished }) => finished));
          const { violations } = await axe.run(within, { resultTypes: ["violations"] });
          return violations.map(({ id, nodes }) => [id, nodes.map(({ html, any }) =>
            html + " " + any.map(({ message }) => message).join(" "))]);
        }""",
        within,
    )
    return found
