"""Ends that never come: the page goes on waiting for a while, then says so; the call stays open.

The page's clock is Playwright's, so that twenty seconds are over at once.
"""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.visitor import Visitor, inject_fault, register, visiting
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.page, pytest.mark.untimed_audio]

NOISE_MS = 3_000
"""How long an answer to speech without words is waited for."""
IDLE_MS = 10_000
"""After this time without a frame the page sends `relay.ping`."""
ANSWER_MS = 20_000
"""How long any other answer is waited for."""
TRANSCRIBED_EVENT = "conversation.item.input_audio_transcription.completed"


def assert_still_in_its_first_call(visitor: Visitor) -> None:
    assert visitor.page.evaluate("watch.sockets.length") == 1
    assert "reconnecting" not in visitor.watched("states")


def test_an_answer_that_never_comes_is_given_up_and_the_call_goes_on(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack), is_new=True) as visitor:
        inject_fault(stack, kind="empty_transcripts")
        inject_fault(stack, kind="no_answer", count=2)
        visitor.page.clock.install()
        visitor.tap_microphone()
        visitor.await_state("thinking")
        visitor.await_event(TRANSCRIBED_EVENT)
        visitor.page.clock.fast_forward(NOISE_MS)
        visitor.await_state("listening")
        expect(visitor.lines).to_have_count(0)
        expect(visitor.page.locator("#help")).to_be_empty()

        visitor.type("How many people work on the orders?")
        visitor.await_event("conversation.item.added", 2)
        visitor.page.clock.fast_forward(IDLE_MS)
        visitor.await_event("relay.pong")
        visitor.page.clock.fast_forward(ANSWER_MS - IDLE_MS)
        card = visitor.help_card("no_answer")
        expect(card).to_contain_text("say it again, or type")
        visitor.await_state("listening")

        visitor.type("What is the most difficult part for you?")
        expect(visitor.answers).to_have_attribute("data-status", "completed")
        expect(card).to_have_count(0)
        assert_still_in_its_first_call(visitor)
