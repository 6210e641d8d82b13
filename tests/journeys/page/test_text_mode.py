"""Typing without a call: streamed answers, stop, retry, and the way to a call and back."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.conftest import SECOND_QUESTION
from tests.journeys.page.visitor import Visitor, inject_fault, register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page

GREETING = "Hello, thank you for taking the time today."
QUESTION = "How do you handle your orders at the moment?"
"""Its answer is long: time to stop it."""
LAST_QUESTION = "Who else decides about this?"

RECORD_GROWTH = """() => {
  const seen = [];
  new MutationObserver(() => {
    const answer = document.querySelector('#lines .line[data-role="assistant"]:last-child .text');
    if (answer && answer.textContent !== seen.at(-1)) seen.push(answer.textContent);
  }).observe(document.getElementById("lines"), { childList: true, subtree: true });
  return seen;
}"""
"""Records each text that the last answer has had."""


STOP_WHEN_ANSWERED = """([index, isByKey]) => {
  const answer = () => document.querySelectorAll('#lines .line[data-role="assistant"]')[index];
  globalThis.stopped = (async () => {
    await watch.waitUntil(() => answer()?.dataset.status === "in_progress", "an answer");
    if (isByKey) {
      const escape = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
      document.activeElement.dispatchEvent(escape);
    } else {
      document.getElementById("send").click();
    }
  })();
}"""
"""In the page, because an answer takes half a second, which a busy machine needs to look."""


def type_and_stop(visitor: Visitor, text: str, *, by_key: bool) -> None:
    """Send a message, and stop its answer as soon as it has begun."""
    expect(visitor.page.get_by_role("button", name="Send")).to_be_visible()
    visitor.page.evaluate(STOP_WHEN_ANSWERED, [visitor.answers.count(), by_key])
    visitor.type(text)
    visitor.page.evaluate("globalThis.stopped")


def sockets(visitor: Visitor) -> list[int]:
    """The state of each WebSocket that the page has opened; 3 is closed."""
    states: list[int] = visitor.page.evaluate("watch.sockets.map(({ readyState }) => readyState)")
    return states


@pytest.mark.realtime_audio
def test_text_and_voice_are_one_thread_in_one_order(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        growth = page.evaluate_handle(RECORD_GROWTH)
        answer = visitor.type_and_wait(GREETING)
        texts = growth.json_value()
        assert len(texts) > 2
        assert all(answer.startswith(text) for text in texts)
        assert answer in visitor.watched("announced")

        type_and_stop(visitor, QUESTION, by_key=False)
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "interrupted")
        expect(visitor.answers.nth(1).locator(".note")).to_have_text("Interrupted")
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        visitor.await_stored(4)
        assert (sockets(visitor), visitor.live_tracks(), visitor.open_contexts()) == ([], 0, 0)

        expect(page.locator("#dictate")).to_be_visible()
        visitor.tap_microphone()
        expect(visitor.lines.nth(4).locator(".text")).to_have_text(SECOND_QUESTION)
        expect(page.locator("#dictate")).to_be_hidden()
        visitor.await_state("speaking")
        visitor.await_state("listening")
        expect(visitor.answers.nth(2)).to_have_attribute("data-status", "completed")

        visitor.tap_typing()
        visitor.await_state("idle")
        assert (sockets(visitor), visitor.live_tracks()) == ([3], 0)
        assert visitor.open_contexts() == 0
        page.get_by_role("button", name="Hear it again").press("Enter")
        page.evaluate("watch.waitUntil(() => watch.speaker.at(-1)?.kind === 'position')")
        assert visitor.open_contexts() == 1
        page.get_by_role("button", name="Stop the playback").press("Enter")
        expect(page.get_by_role("button", name="Hear it again")).to_be_focused()
        page.evaluate("watch.waitUntil(() => watch.contexts.at(-1).state === 'closed')")

        visitor.type_and_wait(LAST_QUESTION)
        assert sockets(visitor) == [3]

        visitor.await_stored(8)
        before = visitor.bubbles()
        assert [(line["role"], line["modality"]) for line in before] == [
            ("user", "text"), ("assistant", "text"),
            ("user", "text"), ("assistant", "text"),
            ("user", "voice"), ("assistant", "voice"),
            ("user", "text"), ("assistant", "text"),
        ]  # fmt: skip
        typed = [line["text"] for line in before if line["role"] == "user"]
        assert typed == [GREETING, QUESTION, SECOND_QUESTION, LAST_QUESTION]
        page.reload()
        expect(visitor.lines).to_have_count(8)
        assert visitor.bubbles() == before


def test_escape_stops_an_answer_and_the_next_message_is_answered(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        type_and_stop(visitor, QUESTION, by_key=True)
        visitor.await_state("idle")
        expect(visitor.answers).to_have_attribute("data-status", "interrupted")
        expect(visitor.page.locator("#message")).to_be_focused()
        assert visitor.type_and_wait(LAST_QUESTION)
        assert sockets(visitor) == []


def test_a_failed_message_is_kept_and_sent_once_more_with_its_id(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow("status of 429")
        visitor.type_and_wait(GREETING)
        error = {"error": {"code": "throttled", "message": "Too many tries."}}
        visitor.page.route("**/messages/", lambda route: route.fulfill(status=429, json=error))
        visitor.type(LAST_QUESTION)
        note = visitor.lines.last.locator(".note")
        expect(note).to_contain_text("Too many tries.")
        item = visitor.bubbles()[-1]["item"]
        retry = note.get_by_role("button", name="Try again")
        retry.click()
        expect(retry).to_be_visible()
        visitor.page.unroute("**/messages/")
        retry.click()
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "completed")
        expect(visitor.page.locator("#message")).to_be_focused()
        visitor.await_stored(4)
        assert [turn["item_id"] for turn in visitor.turns()].count(item) == 1
        assert [line["text"] for line in visitor.bubbles()].count(LAST_QUESTION) == 1


def test_a_message_waits_for_the_network_and_is_sent_once(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow("net::ERR_INTERNET_DISCONNECTED")
        visitor.type_and_wait(GREETING)
        visitor.context.set_offline(True)
        visitor.type(LAST_QUESTION)
        visitor.await_state("reconnecting")
        expect(visitor.page.locator("#state-hint")).to_contain_text("You are offline.")
        expect(visitor.lines.last).to_contain_text("Sending…")
        visitor.context.set_offline(False)
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "completed")
        visitor.await_stored(4)
        assert [turn["text"] for turn in visitor.turns()].count(LAST_QUESTION) == 1
        assert [line["text"] for line in visitor.bubbles()].count(LAST_QUESTION) == 1


def test_a_message_that_was_not_sent_is_in_the_box_after_a_reload(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow("net::ERR_FAILED")
        visitor.type_and_wait(GREETING)
        visitor.page.route("**/messages/", lambda route: route.abort())
        visitor.type(LAST_QUESTION)
        visitor.await_state("reconnecting")
        visitor.page.unroute("**/messages/")
        visitor.page.reload()
        expect(visitor.lines).to_have_count(2)
        expect(visitor.page.locator("#message")).to_have_value(LAST_QUESTION)


def test_after_a_reload_a_failed_answer_is_asked_for_again_in_its_place(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        mishap = {"kind": "drop", "after": "response.output_text.delta", "count": 3}
        inject_fault(stack, api="responses", **mishap)
        visitor.type(QUESTION)
        expect(visitor.answers).to_have_attribute("data-status", "failed")
        visitor.await_stored(2)
        visitor.page.reload()
        expect(visitor.lines).to_have_count(2)
        visitor.page.get_by_role("button", name="Try again").click()
        expect(visitor.answers).to_have_attribute("data-status", "completed")
        expect(visitor.page.get_by_role("button", name="Try again")).to_have_count(0)
        assert [line["text"] for line in visitor.bubbles()][0] == QUESTION
        visitor.await_stored(2)
        assert [turn["status"] for turn in visitor.turns()] == ["completed", "completed"]
