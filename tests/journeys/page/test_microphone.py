"""The microphone switched on and off: permission, mute, push-to-talk, and what stays open."""

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.audio.equipment import pcm_from
from tests.journeys.page.conftest import SECOND_QUESTION
from tests.journeys.page.speech_files import BEFORE_S, spoken
from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]

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


def test_switching_back_and_forth_while_permission_is_pending_opens_one_microphone(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.page.evaluate("watch.holdPermission()")
        visitor.tap_microphone()
        visitor.await_state("asking_microphone")
        visitor.tap_typing()
        visitor.tap_microphone()
        visitor.page.evaluate("watch.grantPermission()")
        visitor.await_state("listening")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (1, 1)

        # Called directly, as from the browser's console.
        visitor.page.evaluate("kaiwa.talk.client.startAudioStream({ context: new AudioContext() })")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (1, 1)

        visitor.tap_typing()
        visitor.await_state("idle")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (0, 0)


def test_no_call_is_opened_before_the_last_taps_permission_is_granted(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.page.evaluate(
            "watch.holdPermission(); ({ grantPermission: globalThis.grantFirst } = watch)"
        )
        visitor.page.evaluate(COUNT_STARTS_AND_CALLS)
        visitor.tap_microphone()
        visitor.await_state("asking_microphone")
        visitor.tap_typing()
        visitor.page.evaluate("watch.holdPermission()")
        visitor.tap_microphone()
        visitor.page.evaluate("grantFirst()")
        calls = visitor.page.evaluate(
            """starts[0].then(() => navigator.mediaDevices.enumerateDevices()).then(() => calls)"""
        )
        assert (calls, visitor.live_tracks()) == (0, 0)

        visitor.page.evaluate("watch.grantPermission()")
        visitor.await_state("listening")
        assert (visitor.page.evaluate("calls"), visitor.live_tracks()) == (1, 1)


def test_a_setting_changed_while_permission_is_pending_applies_from_the_start(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.evaluate("watch.holdPermission()")
        visitor.tap_microphone()
        visitor.await_state("asking_microphone")
        page.get_by_role("button", name="Settings").click()
        for label in ("Remove echo", "Reduce noise"):
            page.get_by_label(label).uncheck()
        page.get_by_role("button", name="Done").click()
        page.evaluate("watch.grantPermission()")
        visitor.await_state("listening")
        used = page.evaluate("watch.tracks.at(-1).getSettings()")
        assert (used["echoCancellation"], used["noiseSuppression"]) == (False, False)
        assert used["autoGainControl"]
        assert visitor.live_tracks() == 1


def test_another_microphone_can_be_chosen_after_the_first_is_unplugged(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        page.evaluate("watch.unplugMicrophone()")
        expect(page.locator("#state-name")).to_have_text("No microphone")
        page.evaluate("watch.plugInMicrophone()")
        page.get_by_role("button", name="Settings").click()
        page.locator("#device").select_option(index=1)
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#state-name")).to_have_text("Listening")
        expect(visitor.help_card("microphone_stopped")).to_have_count(0)


def test_before_the_permission_the_settings_name_the_microphone_that_was_chosen(
    browser: Browser, stack: Stack
) -> None:
    chosen = {"deviceId": "f00d", "deviceLabel": "USB headset"}
    with visiting(
        browser, stack, login=register(stack), preferences=chosen, permissions=()
    ) as visitor:
        visitor.page.get_by_role("button", name="Settings").click()
        shown = "select => select.selectedOptions[0].textContent"
        assert visitor.page.locator("#device").evaluate(shown) == "USB headset"


def test_a_plain_click_holds_push_to_talk_until_the_next_click(
    browser: Browser, stack: Stack
) -> None:
    with visiting(
        browser, stack, login=register(stack), preferences={"isHandsFree": False}
    ) as visitor:
        visitor.tap_microphone()
        visitor.await_state("listening")
        hold = visitor.page.locator("#hold")
        # A screen reader's click comes without pointer and key events.
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


def test_a_press_that_ends_before_the_call_is_ready_is_sent_completely(
    browser: Browser, stack: Stack
) -> None:
    push_to_talk = {"isHandsFree": False}
    with visiting(browser, stack, login=register(stack), preferences=push_to_talk) as visitor:
        page, held = visitor.page, list[Route]()
        page.route("**/api/realtime/tickets/", lambda route: held.append(route))
        visitor.tap_microphone()
        visitor.await_state("connecting")
        page.locator("#thread").focus()
        page.keyboard.down("Space")
        page.wait_for_timeout(BEFORE_S * 1000 + len(spoken(SECOND_QUESTION)) / 24)
        page.keyboard.up("Space")
        held[0].continue_()
        expect(visitor.lines.first.locator(".text")).to_have_text(SECOND_QUESTION)
        visitor.await_state("speaking")


def test_muting_before_the_call_is_opened_sends_only_zeros(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        visitor.await_stored(2)
        page, history, tickets = visitor.page, list[Route](), list[Route]()
        page.route("**/turns/*", lambda route: history.append(route))
        page.route("**/api/realtime/tickets/", lambda route: tickets.append(route))
        page.reload()
        visitor.tap_microphone()
        page.locator("#mute").click()
        page.unroute("**/turns/*")
        history[0].continue_()
        visitor.await_state("connecting")
        page.wait_for_timeout(BEFORE_S * 1000 + len(spoken(SECOND_QUESTION)) / 24)
        tickets[0].continue_()
        visitor.await_state("listening")
        page.evaluate(
            """watch.waitUntil(() => watch.frames.filter(({ event }) =>
              event.type === "input_audio_buffer.append").length > 20, "sound was sent")"""
        )
        sent = [pcm_from(event["audio"]) for event in visitor.sent("input_audio_buffer.append")]
        assert not np.any(np.concatenate(sent))


def test_voice_mode_can_be_restarted_after_pagehide(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.tap_microphone()
        visitor.await_state("listening")
        visitor.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        visitor.await_state("idle")
        expect(visitor.page.locator("#mode-voice")).to_have_attribute("aria-pressed", "false")
        assert visitor.live_tracks() == 0
        visitor.tap_microphone()
        visitor.await_state("listening")


def test_a_muted_call_stays_muted_after_reconnecting(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow("net::ERR_INTERNET_DISCONNECTED")
        visitor.tap_microphone()
        visitor.await_state("listening")
        visitor.page.locator("#mute").click()
        sentence = "The voice service refused."
        closing = {"reason": "provider_refused", "retryable": False, "message": sentence}
        visitor.receive({"type": "relay.closing", "code": 4502, **closing})
        visitor.page.evaluate("watch.sockets.at(-1).close(3000)")
        visitor.await_state("ended")
        visitor.context.set_offline(True)
        visitor.help_card("provider_refused").get_by_role("button").click()
        visitor.await_state("reconnecting")
        hint = visitor.page.locator("#state-hint")
        expect(hint).to_contain_text("You are offline.")
        visitor.context.set_offline(False)
        visitor.await_state("listening")
        expect(visitor.page.locator("#state-name")).to_have_text("Muted")


def test_changing_the_talk_mode_releases_push_to_talk(browser: Browser, stack: Stack) -> None:
    push_to_talk = {"isHandsFree": False}
    with visiting(browser, stack, login=register(stack), preferences=push_to_talk) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        page.locator("#hold").evaluate("(button) => button.click()")
        page.get_by_role("button", name="Settings").click()
        for value in ("hands_free", "push_to_talk"):
            page.locator(f'input[name="talk-mode"][value="{value}"]').check()
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#hold")).to_have_attribute("aria-pressed", "false")


def test_releasing_space_restores_only_the_mute_that_it_lifted(
    browser: Browser, stack: Stack
) -> None:
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
