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


OFFLINE = "net::ERR_INTERNET_DISCONNECTED"
UNREACHABLE = "The server cannot be reached. Check your network and try again."


def test_what_cannot_be_renamed_or_deleted_is_told_and_still_there(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow(OFFLINE)
        page = visitor.page
        visitor.say_by_keyboard("How many people work on the orders?")
        title = page.locator("#sessions .session-title")
        expect(title).to_have_text("How many people work on the orders?")
        complaint = page.locator("#drawer-complaint")
        visitor.context.set_offline(True)
        page.get_by_role("button", name="Rename").click()
        page.get_by_label("New name").fill("Orders")
        page.keyboard.press("Enter")
        expect(complaint).to_have_text(f"The name was not changed. {UNREACHABLE}")
        expect(title).to_have_text("How many people work on the orders?")

        page.get_by_role("button", name="Delete “").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(complaint).to_have_text(f"The conversation was not deleted. {UNREACHABLE}")
        expect(visitor.lines).to_have_count(2)
        visitor.context.set_offline(False)
        page.get_by_role("button", name="Delete “").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(title).to_have_count(0)
        expect(complaint).to_be_empty()
        expect(page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()


def test_who_cannot_be_signed_out_everywhere_is_told_and_stays_signed_in(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow(OFFLINE)
        page = visitor.page
        page.locator("#account summary").click()
        visitor.context.set_offline(True)
        page.get_by_role("button", name="Sign out everywhere").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
        expect(page.get_by_role("alert")).to_have_text(f"You are still signed in. {UNREACHABLE}")
        visitor.context.set_offline(False)
        page.get_by_role("button", name="Sign out everywhere").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
        expect(page.get_by_label("Username")).to_be_focused()
        assert visitor.token is None
