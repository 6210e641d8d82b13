"""A whole conversation by keyboard only, and the push-to-talk key."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.conftest import SECOND_QUESTION
from tests.journeys.page.speech_files import spoken
from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page


@pytest.mark.untimed_audio
def test_everything_can_be_done_by_keyboard(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page, keys = visitor.page, visitor.page.keyboard
        login = register(stack)
        expect(page.get_by_label("Username")).to_be_focused()
        keys.type(login.username)
        keys.press("Tab")
        keys.type(login.password)
        keys.press("Enter")
        expect(page.locator("#message")).to_be_focused()
        keys.type("How many people work on the orders?")
        keys.press("Shift+Enter")
        keys.type("And on Mondays?")
        keys.press("Enter")
        expect(visitor.answers).to_have_attribute("data-status", "completed")
        expect(page.locator("#message")).to_be_focused()

        keys.press("Shift+Tab")
        keys.press("Space")
        visitor.await_state("listening")
        expect(page.locator("#mode-voice")).to_be_focused()
        visitor.await_state("speaking")
        keys.press("Escape")
        visitor.await_state("listening")
        expect(visitor.answers.last).to_have_attribute("data-status", "interrupted")
        keys.press("m")
        expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#state-name")).to_have_text("Muted")
        keys.press("m")
        expect(page.locator("#state-name")).to_have_text("Listening")

        keys.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        keys.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("#mode-voice")).to_be_focused()
        keys.press("Shift+Tab")
        keys.press("Enter")
        visitor.await_state("idle")
        assert visitor.live_tracks() == 0

        page.locator("#thread").focus()
        keys.press("v")
        visitor.await_state("listening")
        keys.press("v")
        visitor.await_state("idle")
        expect(page.locator("#message")).to_be_focused()
        expect(page.locator("#message")).to_have_value("")


@pytest.mark.realtime_audio
def test_space_is_push_to_talk_and_nothing_is_sent_between_presses(
    browser: Browser, stack: Stack
) -> None:
    push_to_talk = {"isHandsFree": False}
    with visiting(browser, stack, login=register(stack), preferences=push_to_talk) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        expect(page.locator("#state-name")).to_have_text("Hold to talk")
        page.locator("#thread").focus()
        assert visitor.sent("input_audio_buffer.append") == []
        page.keyboard.down("Space")
        expect(page.locator("#hold")).to_have_text("Release to send")
        visitor.await_event("input_audio_buffer.speech_started")
        page.wait_for_timeout(len(spoken(SECOND_QUESTION)) / 24)
        page.keyboard.up("Space")
        # The last chunks, and the second of silence after them, may still be in flight.
        page.wait_for_timeout(500)
        sent = len(visitor.sent("input_audio_buffer.append"))
        visitor.await_state("speaking")
        expect(visitor.lines.first.locator(".text")).to_have_text(SECOND_QUESTION)
        page.keyboard.press("Escape")
        visitor.await_state("listening")
        assert len(visitor.sent("input_audio_buffer.append")) == sent

        # In the empty message box Space talks as well; in a message it is typed.
        hint = page.locator("#state-hint")
        expect(hint).to_have_text("Hold Space or the button")
        page.locator("#message").focus()
        expect(hint).to_have_text("Hold the button while you speak")
        page.keyboard.down("Space")
        expect(page.locator("#hold")).to_have_text("Release to send")
        page.keyboard.up("Space")
        expect(page.locator("#hold")).to_have_text("Hold to talk")
        page.keyboard.type("No, I")
        expect(page.locator("#message")).to_have_value("No, I")
