"""Draw a whole voice conversation on one picture: the voice's figure, every 200 ms, without words.

    python -m tests.journeys.contact_sheet var/contact-sheet.png    (make bench-presence)

The states can be told apart at a glance if their figures can be on this sheet. Under each figure is
its state, as a check. The time of a frame, and the share of a core that drawing the figures takes
on the page's main thread, are printed: the target is less than 3 %.
"""

import base64
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.journeys.page.tour import Look, speaking_browser
from tests.journeys.page.visitor import register, running_page_stack, visiting
from tests.journeys.stack import Stack

LOOK = Look("en", "light", 1280)
PERIOD_MS = 200
FRAMES = 110
"""22 s: listening, the question, the answer, the interruption, the second answer, muted."""
MUTED_FROM = 95

MOST_SHARE = 0.03

COST = """() => {
  const drawn = [];
  const { clearRect } = CanvasRenderingContext2D.prototype;
  let isOfFigure = false;
  CanvasRenderingContext2D.prototype.clearRect = function (...of) {
    isOfFigure = true;
    clearRect.apply(this, of);
  };
  const request = window.requestAnimationFrame;
  window.requestAnimationFrame = (callback) => request((at) => {
    const began = performance.now();
    isOfFigure = false;
    callback(at);
    if (isOfFigure) drawn.push([at, performance.now() - began]);
  });
  window.frameCost = () => {
    const costs = drawn.map(([, ms]) => ms).sort((a, b) => a - b);
    const span = drawn.at(-1)[0] - drawn[0][0];
    const gaps = drawn.slice(1).map(([at], i) => at - drawn[i][0]).sort((a, b) => a - b);
    const of = (list, part) => list[Math.floor(part * (list.length - 1))];
    return {
      frames: drawn.length,
      p50: of(costs, 0.5), p95: of(costs, 0.95),
      gap50: of(gaps, 0.5), gap95: of(gaps, 0.95),
      share: costs.reduce((sum, ms) => sum + ms, 0) / span,
    };
  };
}"""
"""Times the animation frames that draw the voice's figure, which clear a canvas first."""


def main(arguments: list[str]) -> int:
    """Write the sheet to the file named on the command line; print the cost of drawing.

    Returns 1 if drawing takes more than its share.
    """
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="kaiwa-sheet-") as folder,
        running_page_stack(Path(folder)) as stack,
        sync_playwright() as playwright,
        speaking_browser(playwright, Path(folder), LOOK) as browser,
    ):
        frames, cost = _conversation(browser, stack)
        _draw(browser, frames, target)
    print(f"{len(frames)} figures in {target}")
    print(
        f"time between {cost['frames']} frames: p50 {cost['gap50']:.1f} ms,"
        f" p95 {cost['gap95']:.1f} ms\n"
        f"drawing, on the main thread: p50 {cost['p50']:.2f} ms, p95 {cost['p95']:.2f} ms a frame,"
        f" {100 * cost['share']:.1f} % of a core (target: less than {100 * MOST_SHARE:.0f} %)"
    )
    return 0 if cost["share"] < MOST_SHARE else 1


def _conversation(browser: Browser, stack: Stack) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Each frame's state and picture (a data URL), and the cost of drawing."""
    with visiting(browser, stack, login=register(stack), **LOOK.context_options()) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        page.evaluate(COST)
        frames: list[tuple[str, str]] = []
        for index in range(FRAMES):
            if index == MUTED_FROM:
                page.locator("#mute").click()
            frames.append(
                (
                    page.evaluate("document.documentElement.dataset.shown"),
                    page.evaluate("document.getElementById('presence').toDataURL()"),
                )
            )
            page.wait_for_timeout(PERIOD_MS)
        return frames, page.evaluate("window.frameCost()")


def _draw(browser: Browser, frames: list[tuple[str, str]], target: Path) -> None:
    cells = "".join(
        f'<figure><img src="{picture}" alt=""><figcaption>{state}</figcaption></figure>'
        for state, picture in frames
    )
    style = (
        "body{display:grid;grid-template-columns:repeat(10,1fr);gap:8px;background:#f7f4ed;"
        "font:11px sans-serif}figure{margin:0;text-align:center}img{width:72px;height:72px}"
    )
    html = f"<!doctype html><style>{style}</style>{cells}"
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.goto("data:text/html;base64," + base64.b64encode(html.encode()).decode())
    page.screenshot(path=target, full_page=True)
    page.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
