"""Sound that the browser does not play: the answer is read instead, and one tap turns it on."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page

REFUSE_SOUND = """() => {
  watch.isSoundAllowed = false;
  globalThis.AudioContext = class extends AudioContext {
    constructor(...args) {
      super(...args);
      void super.suspend();
    }

    resume() {
      if (watch.isSoundAllowed) return super.resume();
      return Promise.reject(new DOMException("not allowed", "NotAllowedError"));
    }
  };
}"""
FIRST_WORDS = """async (index) => {
  const text = () => {
    const answer = document.querySelectorAll('#lines .line[data-role="assistant"] .text')[index];
    return answer && !answer.querySelector(".waiting") ? answer.textContent : "";
  };
  await watch.waitUntil(() => text().includes(" "), "words");
  return text();
}"""


def test_without_sound_the_answer_appears_as_text_and_a_tap_turns_the_sound_on(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page, state = visitor.page, visitor.page.locator("#state-name")
        page.evaluate(REFUSE_SOUND)
        visitor.open_muted_call()
        card = visitor.help_card("sound_blocked")
        expect(card).to_contain_text("The browser plays no sound")
        expect(state).to_have_text("No sound")
        visitor.type(SECOND_QUESTION)
        begun = page.evaluate(FIRST_WORDS, 0)
        expect(visitor.answers.nth(0)).to_have_attribute("data-status", "completed")
        visitor.await_state("listening")
        expect(state).to_have_text("No sound")
        assert "writing" in visitor.watched("states")
        shown = visitor.answers.nth(0).locator(".text").inner_text()
        assert shown.startswith(begun) and len(begun) < len(shown)
        assert not [each for each in visitor.watched("speaker") if "itemId" in each]
        assert visitor.sent("conversation.item.truncate") == []

        visitor.type(QUESTION)
        page.evaluate(FIRST_WORDS, 1)
        page.evaluate("() => { watch.isSoundAllowed = true; }")
        card.get_by_role("button", name="Turn the sound on").click()
        visitor.await_state("speaking")
        expect(card).to_have_count(0)
        assert visitor.help_card("microphone_stopped").count() == 0
        played = {each["itemId"] for each in visitor.watched("speaker") if "itemId" in each}
        assert played == {visitor.bubbles()[3]["item"]}
        page.keyboard.press("Escape")
        visitor.await_event("conversation.item.truncated")
        truncated = [each["item_id"] for each in visitor.sent("conversation.item.truncate")]
        assert set(truncated) == played
        visitor.await_stored(4)
        first = next(turn for turn in visitor.turns() if turn["role"] == "assistant")
        assert (first["status"], first["heard_ms"], first["text"]) == ("completed", None, shown)
