"""The microphone as one turns it on and off: what is held, and for how long."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.page, pytest.mark.heard]

COUNT_STARTS_AND_CALLS = """(() => {
  const { client } = kaiwa.talk;
  const { startAudioStream, connect } = client;
  Object.assign(globalThis, { starts: [], calls: 0 });
  client.startAudioStream = (options) => {
    starts.push(startAudioStream.call(client, options));
    return starts.at(-1);
  };
  client.connect = () => {
    calls += 1;
    return connect.call(client);
  };
})()"""


def test_whoever_changes_their_mind_while_it_opens_holds_one_and_gives_it_back(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.page.evaluate("watch.keepAsking()")
        visitor.tap_microphone()
        visitor.await_state("asking_microphone")
        visitor.tap_typing()
        visitor.tap_microphone()
        visitor.page.evaluate("watch.allow()")
        visitor.await_state("listening")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (1, 1)

        # As from the browser's console.
        visitor.page.evaluate("kaiwa.talk.client.startAudioStream({ context: new AudioContext() })")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (1, 1)

        visitor.tap_typing()
        visitor.await_state("idle")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (0, 0)


def test_no_call_is_opened_before_the_microphone_of_the_last_tap_is_allowed(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.page.evaluate("watch.keepAsking(); ({ allow: globalThis.allowFirst } = watch)")
        visitor.page.evaluate(COUNT_STARTS_AND_CALLS)
        visitor.tap_microphone()
        visitor.await_state("asking_microphone")
        visitor.tap_typing()
        visitor.page.evaluate("watch.keepAsking()")
        visitor.tap_microphone()
        visitor.page.evaluate("allowFirst()")
        calls = visitor.page.evaluate(
            """starts[0].then(() => navigator.mediaDevices.enumerateDevices()).then(() => calls)"""
        )
        assert (calls, visitor.live_tracks()) == (0, 0)

        visitor.page.evaluate("watch.allow()")
        visitor.await_state("listening")
        assert (visitor.page.evaluate("calls"), visitor.live_tracks()) == (1, 1)


def test_a_setting_that_is_changed_while_one_is_asked_holds_from_the_start(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.evaluate("watch.keepAsking()")
        visitor.tap_microphone()
        visitor.await_state("asking_microphone")
        page.get_by_role("button", name="Settings").click()
        for label in ("Remove echo", "Reduce noise"):
            page.get_by_label(label).uncheck()
        page.get_by_role("button", name="Done").click()
        page.evaluate("watch.allow()")
        visitor.await_state("listening")
        used = page.evaluate("watch.tracks.at(-1).getSettings()")
        assert (used["echoCancellation"], used["noiseSuppression"]) == (False, False)
        assert used["autoGainControl"]
        assert visitor.live_tracks() == 1


def test_another_microphone_helps_when_the_first_was_unplugged(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        page.evaluate("watch.unplug()")
        expect(page.locator("#state-name")).to_have_text("No microphone")
        page.evaluate("watch.plugIn()")
        page.get_by_role("button", name="Settings").click()
        page.locator("#device").select_option(index=1)
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#state-name")).to_have_text("Listening")
        expect(visitor.help_card("microphone_stopped")).to_have_count(0)


def test_hold_to_talk_is_held_by_a_plain_click_until_the_next(
    browser: Browser, stack: Stack
) -> None:
    with visiting(
        browser, stack, login=register(stack), preferences={"isHandsFree": False}
    ) as visitor:
        visitor.tap_microphone()
        visitor.await_state("listening")
        hold = visitor.page.locator("#hold")
        # As a screen reader does it: no pointer, no key.
        hold.evaluate("(button) => button.click()")
        expect(hold).to_have_attribute("aria-pressed", "true")
        visitor.await_state("hearing_you")
        hold.evaluate("(button) => button.click()")
        expect(hold).to_have_attribute("aria-pressed", "false")
        visitor.await_state("speaking")

        hold.focus()
        visitor.page.keyboard.down("Enter")
        expect(hold).to_have_attribute("aria-pressed", "true")
        visitor.page.keyboard.up("Enter")
        expect(hold).to_have_attribute("aria-pressed", "false")


def test_space_mutes_again_only_what_it_has_unmuted(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        keyboard = visitor.page.keyboard
        mute = visitor.page.locator("#mute")
        visitor.tap_microphone()
        visitor.await_state("listening")
        keyboard.press("m")
        expect(mute).to_have_attribute("aria-pressed", "true")
        keyboard.down(" ")
        expect(mute).to_have_attribute("aria-pressed", "false")
        keyboard.up(" ")
        expect(mute).to_have_attribute("aria-pressed", "true")

        keyboard.down(" ")
        keyboard.press("m")
        expect(mute).to_have_attribute("aria-pressed", "true")
        keyboard.press("m")
        expect(mute).to_have_attribute("aria-pressed", "false")
        keyboard.up(" ")
        expect(mute).to_have_attribute("aria-pressed", "false")
