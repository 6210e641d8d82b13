"""The search above the list of conversations, in a real browser."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.page


def test_conversations_are_found_by_words_and_shown_again(browser: Browser, stack: Stack) -> None:
    login = register(stack)
    for title in ("パンの話", "ケーキの話", "Tea"):
        http("POST", f"{stack.url}/api/sessions/", {"title": title}, token=login.token)
    with visiting(browser, stack, login=login) as visitor:
        page = visitor.page
        rows = page.locator("#sessions .session-title")
        expect(rows).to_have_count(3)
        box = page.get_by_role("searchbox", name="Search conversations")
        box.fill("キの")
        expect(rows).to_have_text(["ケーキの話"])
        box.fill("coffee")
        expect(page.get_by_text("No conversation has these words.")).to_be_visible()
        expect(rows).to_have_count(0)
        box.press("Escape")
        expect(rows).to_have_count(3)
        expect(box).to_be_focused()
        expect(box).to_have_value("")
