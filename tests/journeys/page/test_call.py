"""A voice call: the latency shown, typing while speaking, lost devices and frozen servers."""

import re
import signal

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.audio.equipment import pcm_from
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]

SPEECH_RMS = 0.005
"""-46 dB of full scale, the page's own threshold for speech."""
IDLE_MS = 10_000
"""After this time without a frame the page sends `relay.ping`."""
PONG_TIMEOUT_MS = 8_000
"""After this time without `relay.pong` the page reconnects."""


def last_speech_sent_at(visitor: Visitor, before: float) -> float:
    """The time at which the page sent the last chunk that contains speech."""
    return max(
        float(frame["at"])
        for frame in visitor.watched("frames")
        if frame["event"]["type"] == "input_audio_buffer.append"
        and frame["at"] < before
        and np.sqrt(np.mean(pcm_from(frame["event"]["audio"]) ** 2)) > SPEECH_RMS
    )


def test_the_latency_shown_counts_from_the_last_speech(
    browser: Browser, stack: Stack, measurements: dict[str, str]
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.tap_microphone()
        latency = visitor.page.locator("#latency")
        expect(latency).to_contain_text("Answered in")
        start = next(each for each in visitor.watched("speaker") if each["kind"] == "start")
        measured_ms = start["at"] + start["latencyMs"] - last_speech_sent_at(visitor, start["at"])
        shown_ms = float(re.sub(r"[^\d.]", "", latency.inner_text()))
        # The provider alone waits for 500 ms of silence.
        assert measured_ms > 500
        assert shown_ms == pytest.approx(measured_ms, abs=50)
        measurements["latency from the last speech to the reply, as shown"] = f"{shown_ms:.0f} ms"
        quality = visitor.page.locator("#quality")
        quality.locator("summary").click()
        expect(quality.get_by_role("paragraph")).to_have_text(re.compile("^Connection: "))
        # One answer so far: it is the median.
        answer_ms = float(re.sub(r"[^\d.]", "", quality.locator("#quality-answer").inner_text()))
        assert answer_ms == shown_ms
        visitor.page.keyboard.press("Escape")
        expect(quality).not_to_have_attribute("open", "")


def test_a_message_typed_while_speaking_is_answered_and_the_speech_dropped(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.tap_microphone()
        visitor.await_state("hearing_you")
        visitor.type("How many people work on the orders?")
        visitor.tap_typing()
        expect(visitor.answers).to_have_attribute("data-status", "completed")
        assert [line["modality"] for line in visitor.bubbles()] == ["text", "text"]


def test_typing_works_after_the_microphone_is_unplugged_in_mid_word(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.tap_microphone()
        visitor.await_state("hearing_you")
        visitor.page.evaluate("watch.unplugMicrophone()")
        visitor.await_state("listening")
        expect(visitor.page.locator("#state-name")).to_have_text("No microphone")
        visitor.type("How many people work on the orders?")
        expect(visitor.answers).to_have_attribute("data-status", "completed")


def test_a_frozen_server_is_noticed_while_no_reply_is_expected(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack), is_new=True) as visitor:
        visitor.page.clock.install()
        visitor.tap_microphone()
        visitor.await_state("speaking")
        visitor.await_state("listening")
        visitor.page.clock.fast_forward(IDLE_MS)
        visitor.await_event("relay.pong")
        visitor.page.clock.fast_forward(PONG_TIMEOUT_MS)
        expect(visitor.page.locator("html")).to_have_attribute("data-state", "listening")

        server = stack.processes["server"]
        server.send_signal(signal.SIGSTOP)
        try:
            visitor.page.clock.fast_forward(IDLE_MS)
            visitor.page.clock.fast_forward(PONG_TIMEOUT_MS)
            visitor.await_state("reconnecting")
        finally:
            server.send_signal(signal.SIGCONT)
        visitor.await_state("listening")


def test_a_rate_limit_shows_the_slow_network_card_until_a_reply(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack), is_new=True) as visitor:
        visitor.allow("net::ERR_INTERNET_DISCONNECTED")
        visitor.page.clock.install()
        visitor.tap_microphone()
        visitor.await_state("listening")
        visitor.receive({"type": "relay.error", "code": "rate_limit", "message": "Slow down."})
        card = visitor.help_card("slow_network")
        expect(card).to_be_visible()
        visitor.await_state("speaking")
        visitor.page.clock.fast_forward(8_000)
        expect(visitor.page.locator("#help")).to_be_empty()

        visitor.receive({"type": "relay.error", "code": "rate_limit", "message": "Slow down."})
        expect(card).to_be_visible()
        visitor.tap_typing()
        expect(visitor.page.locator("#help")).to_be_empty()
        visitor.tap_microphone()
        visitor.await_state("speaking")

        # An error about one message is not the reason shown for a later lost connection.
        visitor.receive({"type": "relay.error", "code": "too_early", "message": "Too early."})
        visitor.context.set_offline(True)
        visitor.await_state("reconnecting")
        hint = visitor.page.locator("#state-hint")
        expect(hint).to_contain_text("You are offline.")
        visitor.context.set_offline(False)
        visitor.await_state("listening")
