"""For everyone: an accessibility checker finds no violation in any state."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.journeys.page.tour import Look, talkative_browser, tour
from tests.journeys.page.visitor import Visitor
from tests.journeys.stack import ROOT, Stack

pytestmark = [pytest.mark.page, pytest.mark.untimed_audio]

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
LOOKS = (Look("en", "light", 1280), Look("ja", "dark", 360))


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_an_accessibility_checker_finds_nothing_in_any_state(
    look: Look, playwright: Playwright, stack: Stack, tmp_path: Path, figures: dict[str, str]
) -> None:
    complaints: dict[str, list[Any]] = {}
    with talkative_browser(playwright, tmp_path, look) as browser:
        for state, visitor in tour(browser, stack, look):
            complaints[state] = violations_in(visitor, "#help" if "help-" in state else "html")
            too_wide_px = visitor.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if too_wide_px > 0:
                complaints[state].append(f"wider than the screen by {too_wide_px} px")
    assert {state: found for state, found in complaints.items() if found} == {}
    figures[f"states checked by axe-core, {look}"] = str(len(complaints))


def violations_in(visitor: Visitor, within: str) -> list[Any]:
    """What axe-core complains about, each with the elements it means."""
    if not visitor.page.evaluate("'axe' in globalThis"):
        visitor.page.evaluate(AXE)
    violations: list[Any] = visitor.page.evaluate(
        """async (within) => {
          // A button that is fading in has no contrast yet; what moves for ever is not waited for.
          const ending = document.getAnimations()
            .filter((animation) => Number.isFinite(animation.effect.getComputedTiming().endTime));
          await Promise.allSettled(ending.map(({ finished }) => finished));
          const { violations } = await axe.run(within, { resultTypes: ["violations"] });
          return violations.map(({ id, nodes }) => [id, nodes.map(({ html, any }) =>
            html + " " + any.map(({ message }) => message).join(" "))]);
        }""",
        within,
    )
    return violations
