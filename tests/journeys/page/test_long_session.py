"""A session of hundreds of turns: what is seen first, the browser's search, places, the end."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.journeys.page.test_accessibility import find_violations
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.page

TURNS = 200
TEXTS = {
    "user": "I would like to order bread number {n}, please. " * 3,
    "assistant": "Of course. Here is:\n\n- **bread** number {n}\n- and two `rolls`",
}
TOP_OF_LINE = """(item) =>
  document.querySelector(`[data-item="${item}"]`).getBoundingClientRect().top"""


def turn(n: int) -> dict[str, Any]:
    role = "assistant" if n % 2 else "user"
    return {
        "item_id": f"item_{n}", "content_index": 0, "role": role, "modality": "text",
        "text": TEXTS[role].format(n=n), "heard_text": None, "heard_ms": None,
        "status": "completed", "position": n,
    }  # fmt: skip


def give_turns(route: Route) -> None:
    results = [turn(n) for n in range(TURNS)]
    route.fulfill(json={"count": TURNS, "next": None, "previous": None, "results": results})


def open_long_session(visitor: Visitor) -> Page:
    """Open a session for which the server answers with many turns."""
    assert visitor.login is not None
    page = visitor.page
    url = f"{visitor.stack.url}/api/sessions/"
    session_id = http("POST", url, {}, token=visitor.login.token).json["id"]
    page.route("**/turns/*", give_turns)
    page.evaluate("(id) => { location.hash = `#/s/${id}`; }", session_id)
    expect(visitor.lines.last).to_have_attribute("data-item", f"item_{TURNS - 1}")
    return page


def test_a_long_session_is_searched_scrolled_and_continued(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = open_long_session(visitor)
        expect(visitor.lines.last).to_be_in_viewport()
        # The reader goes up before all is drawn: the older lines come above what they read.
        item, top = page.evaluate(
            """() => {
              document.getElementById("thread").scrollTop = 0;
              const line = document.querySelector("#lines .line");
              return [line.dataset.item, line.getBoundingClientRect().top];
            }"""
        )
        expect(visitor.lines).to_have_count(TURNS)
        expect(page.locator("#lines")).not_to_have_attribute("aria-busy", "true")
        assert abs(page.evaluate(TOP_OF_LINE, item) - top) < 2
        order = page.evaluate(
            "[...document.querySelectorAll('#lines .line')].map(({ dataset }) => dataset.item)"
        )
        assert order == [f"item_{n}" for n in range(TURNS)]
        assert find_violations(visitor, "#thread") == []

        page.locator("#to-latest").click()
        expect(visitor.lines.last).to_be_in_viewport()
        expect(page.locator("#to-latest")).to_be_hidden()
        # The browser's own search finds what is far from the window.
        assert page.evaluate("find('bread number 8, please', false, false, true)")
        found = "getSelection().anchorNode.parentElement.closest('.line').dataset.item"
        assert page.evaluate(found) == "item_8"

        kept = visitor.lines.nth(100).element_handle()
        answer = visitor.type_and_wait("Hello, thank you for taking the time today.")
        announced = visitor.watched("announced")
        assert announced.count(answer) == 1
        assert [text for text in announced if "bread number" in text] == []
        expect(visitor.lines.last).to_be_in_viewport()
        expect(visitor.lines).to_have_count(TURNS + 2)
        assert kept is not None
        assert kept.evaluate("(line) => line === document.querySelectorAll('#lines .line')[100]")
