"""The export of a conversation from the list, by keyboard, as a file with a Japanese name."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.page


def _choose_export(page: Page) -> None:
    """Open the focused menu of the conversation, and choose its second action."""
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Rename")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#export")).to_be_visible()


def test_a_conversation_is_exported_in_each_format(browser: Browser, stack: Stack) -> None:
    login = register(stack)
    session = http(
        "POST", f"{stack.url}/api/sessions/", {"title": "パンの話"}, token=login.token
    ).json
    messages = f"{stack.url}/api/sessions/{session['id']}/messages/"
    assert http("POST", messages, {"text": "Hello."}, token=login.token).status == 201
    with visiting(browser, stack, login=login) as visitor:
        page, keys = visitor.page, visitor.page.keyboard
        button = page.locator(".session-more")
        for steps, ending in enumerate(("txt", "csv", "vtt", "json")):
            button.focus()
            _choose_export(page)
            dialog = page.get_by_role("dialog", name="Export “パンの話”")
            expect(dialog.get_by_role("button").first).to_be_focused()
            for _ in range(steps):
                keys.press("Tab")
            with page.expect_download() as download:
                keys.press("Enter")
            name = download.value.suggested_filename
            assert name == f"パンの話 {session['created_at'][:10]}.{ending}"
            text = Path(download.value.path()).read_text(encoding="utf-8-sig")
            assert ("パンの話" in text) == (ending in ("txt", "json"))
            expect(button).to_be_focused()
        _choose_export(page)
        keys.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(button).to_be_focused()
