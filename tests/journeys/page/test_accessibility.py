"""For everyone: no violation in any state, a whole journey by keyboard, words for those who listen."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.page.tour import Look, talkative_browser, tour
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import ROOT, Stack

pytestmark = pytest.mark.page

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
LOOKS = (Look("en", "light", 1280), Look("ja", "dark", 360))


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_an_accessibility_checker_finds_nothing_in_any_state(
    playwright: Playwright, stack: Stack, tmp_path: Path, look: Look, figures: dict[str, str]
) -> None:
    found: dict[str, list[Any]] = {}
    count = 0
    with talkative_browser(playwright, tmp_path, look) as browser:
        for state, visitor in tour(browser, stack, look):
            count += 1
            if violations := violations_in(visitor, within="#help" if "help-" in state else "html"):
                found[state] = violations
            overflow = visitor.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow <= 0, f"{state} is wider than the screen by {overflow} px"
    assert found == {}
    figures[f"states checked by axe-core, {look}"] = str(count)


def violations_in(visitor: Visitor, within: str) -> list[Any]:
    """What axe-core complains about, each with the elements it means."""
    if not visitor.page.evaluate("'axe' in globalThis"):
        visitor.page.evaluate(AXE)
    violations: list[Any] = visitor.page.evaluate(
        """async (within) => {
          const { violations } = await axe.run(within, { resultTypes: ["violations"] });
          return violations.map(({ id, nodes }) => [id, nodes.map(({ html, any }) =>
            html + " " + any.map(({ message }) => message).join(" "))]);
        }""",
        within,
    )
    return violations
