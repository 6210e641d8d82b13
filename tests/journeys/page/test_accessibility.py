"""axe-core finds no accessibility violation in any state of the page."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.journeys.page.tour import (
    ALL_CARDS,
    Look,
    speaking_browser,
    tour_of_layouts,
    tour_of_one_layout,
)
from tests.journeys.page.visitor import Visitor
from tests.journeys.stack import ROOT, Stack

pytestmark = [pytest.mark.page, pytest.mark.untimed_audio]

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
WIDE, NARROW = Look("en", "light", 1280), Look("ja", "dark", 360)

Found = dict[str, list[Any]]


@pytest.mark.parametrize("look", (WIDE, NARROW), ids=str)
def test_axe_finds_no_violation_in_any_layout(
    look: Look, playwright: Playwright, stack: Stack, tmp_path: Path, measurements: dict[str, str]
) -> None:
    found: Found = {}
    with speaking_browser(playwright, tmp_path, look) as browser:
        for state, visitor in tour_of_layouts(browser, stack, look):
            # The cards are checked together: axe-core takes 0.3 s for one, and 1 s for all 45.
            is_single_card = state.startswith("help-") and state != ALL_CARDS
            found[state] = [] if is_single_card else find_violations(visitor)
            found[state] += find_overflow(visitor)
    assert_none(found)
    measurements[f"states checked by axe-core, {look}"] = str(len(found))


def test_axe_finds_no_violation_in_any_other_state(
    playwright: Playwright, stack: Stack, tmp_path: Path, measurements: dict[str, str]
) -> None:
    """Each is reached once, and checked in both schemes and widths: reaching it takes longest."""
    found: Found = {}
    with speaking_browser(playwright, tmp_path, NARROW) as browser:
        for state, visitor in tour_of_one_layout(browser, stack, NARROW):
            for look in (WIDE, NARROW):
                visitor.page.emulate_media(color_scheme=look.scheme)
                visitor.page.set_viewport_size(look.viewport)
                found[f"{state}, {look.scheme} {look.width}"] = [
                    *find_violations(visitor), *find_overflow(visitor)
                ]  # fmt: skip
    assert_none(found)
    measurements["other states checked by axe-core, in two schemes and widths"] = str(len(found))


def assert_none(found: Found) -> None:
    assert {state: violations for state, violations in found.items() if violations} == {}


def find_overflow(visitor: Visitor) -> list[str]:
    """Check that the page is not wider than the screen."""
    too_wide_px = visitor.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [f"wider than the screen by {too_wide_px} px"] if too_wide_px > 0 else []


def find_violations(visitor: Visitor, within: str = "html") -> list[Any]:
    """Return axe-core's violations within an element, each with its elements.

    Of a page with a modal dialog only the dialog is checked: the rest is inert, and was checked
    before. `preload` would fetch style sheets and media for rules that this page has no use for.
    """
    if not visitor.page.evaluate("'axe' in globalThis"):
        visitor.page.evaluate(AXE)
    found: list[Any] = visitor.page.evaluate(
        """async (within) => {
          // Wait for fades, which have low contrast; ignore animations that never end. A change of
          // scheme begins them in the next frame, and the end of one may begin those inside of it.
          const frame = () => new Promise(requestAnimationFrame);
          const ending = () => document.getAnimations().filter((animation) =>
            animation.playState !== "finished" &&
            Number.isFinite(animation.effect.getComputedTiming().endTime));
          await frame();
          for (let left = 20; left > 0; left -= 1) {
            await frame();
            const running = ending();
            if (running.length === 0) break;
            await Promise.allSettled(running.map(({ finished }) => finished));
          }
          const options = { resultTypes: ["violations"], preload: false };
          const { violations } = await axe.run(document.querySelector(":modal") ?? within, options);
          return violations.map(({ id, nodes }) => [id, nodes.map(({ html, any }) =>
            html + " " + any.map(({ message }) => message).join(" "))]);
        }""",
        within,
    )
    return found
