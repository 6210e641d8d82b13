"""Around the conversation: addresses, the list, the door, and the box to write in."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page


def test_the_way_to_the_box_does_not_hang_up(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        session_id = visitor.session_id
        page.get_by_role("link", name="Skip to the message box").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#message")).to_be_focused()
        page.evaluate(
            """new Promise((resolve) => {
              addEventListener("hashchange", resolve);
              location.hash = "#elsewhere";
            })"""
        )
        page.go_back()
        expect(page.locator("#mode-voice")).to_have_attribute("aria-pressed", "true")
        assert (visitor.session_id, visitor.live_tracks()) == (session_id, 1)
        assert page.evaluate("watch.sockets.map(({ readyState }) => readyState)") == [1]
