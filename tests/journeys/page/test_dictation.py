"""Dictation on the page: from the microphone to the message box, in a real browser."""

import json

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.page.conftest import TRANSCRIBED
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]


def await_recording(visitor: Visitor) -> None:
    """Wait until the clip is a second long."""
    expect(visitor.page.locator("#dictation-time")).to_have_text("0:01")


def bar_is_closed(visitor: Visitor) -> bool:
    expect(visitor.page.locator("#dictation")).to_be_hidden()
    return (visitor.live_tracks(), visitor.open_contexts()) == (0, 0)


def test_a_clip_becomes_text_in_the_box_and_is_not_sent(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        message, button = page.locator("#message"), page.locator("#dictate")
        message.fill("Before")
        button.click()
        await_recording(visitor)
        assert visitor.live_tracks() == 1
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#dictation-level")).not_to_have_attribute("aria-valuenow", "0")
        page.locator("#dictation-finish").click()
        expect(message).to_have_value(f"Before {TRANSCRIBED}")
        assert bar_is_closed(visitor)
        expect(message).to_be_focused()
        expect(visitor.lines).to_have_count(0)


def test_it_works_with_the_keyboard_and_escape_discards(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.locator("#message").focus()
        page.keyboard.press("Tab")
        expect(page.locator("#dictate")).to_be_focused()
        page.keyboard.press("Enter")
        await_recording(visitor)
        page.keyboard.press("Escape")
        assert bar_is_closed(visitor)
        page.keyboard.press("Space")
        await_recording(visitor)
        page.keyboard.press("Space")
        expect(page.locator("#message")).to_have_value(TRANSCRIBED)


def test_holding_the_button_records_until_it_is_released(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.locator("#dictate").hover()
        page.mouse.down()
        await_recording(visitor)
        page.mouse.up()
        expect(page.locator("#message")).to_have_value(TRANSCRIBED)
        assert bar_is_closed(visitor)


def test_a_failure_says_what_to_do_and_the_clip_is_sent_again(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        visitor.allow("503")
        sentence = "It cannot be reached. Please try again."
        error = {"error": {"code": "transcription_unavailable", "message": sentence}}

        def refuse(route: Route) -> None:
            route.fulfill(status=503, content_type="application/json", body=json.dumps(error))

        page.route("**/transcriptions/", refuse)
        page.locator("#message").fill("Typed")
        page.locator("#dictate").click()
        await_recording(visitor)
        page.locator("#dictate").click()
        expect(page.locator("#dictation-sentence")).to_have_text(sentence)
        expect(page.locator("#message")).to_have_value("Typed")
        page.unroute("**/transcriptions/")
        page.locator("#dictation-retry").click()
        expect(page.locator("#message")).to_have_value(f"Typed {TRANSCRIBED}")
        expect(page.locator("#dictation-problem")).to_be_hidden()


def test_a_refused_microphone_is_explained(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack), permissions=()) as visitor:
        visitor.page.locator("#dictate").click()
        expect(visitor.page.locator("#dictation-sentence")).to_contain_text("allow the microphone")
        assert bar_is_closed(visitor)
