"""A call over WebRTC, straight to the provider: spoken, interrupted, and where UDP is blocked."""

import base64
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.audio.equipment import FAKE_DEVICE, chromium
from tests.journeys.page import tab_recording
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.speech_files import spoken
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.page, pytest.mark.untimed_audio]

SILENT_WITHIN_MS = 50

MICROPHONE = """() => {
  // Speaks on request: how long the connection takes does not matter then.
  const context = new (Object.getPrototypeOf(AudioContext))({ sampleRate: 24000 });
  const output = context.createMediaStreamDestination();
  const noise = new ConstantSourceNode(context, { offset: 1e-4 });
  noise.connect(output);
  noise.start();
  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    return output.stream.clone();
  };
  watch.say = (text) => {
    const pcm = new Int16Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    const buffer = context.createBuffer(1, pcm.length, 24000);
    buffer.copyToChannel(Float32Array.from(pcm, (each) => each / 32768), 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(output);
    watch.said = new Promise((resolve) => source.addEventListener("ended", resolve));
    source.start();
  };
  // When the answer was muted or not, when the provider detected speech, and each key.
  watch.moments = [];
  const note = (kind) =>
    watch.moments.push({ kind, at: performance.now(), inRecordingS: watch.tabClock?.() ?? -1 });
  const { set, get } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "muted");
  Object.defineProperty(HTMLMediaElement.prototype, "muted", {
    get,
    set(isMuted) {
      set.call(this, isMuted);
      note(isMuted ? "muted" : "audible");
    },
  });
  document.addEventListener("keydown", () => note("key"), { capture: true });
  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const channel = create.apply(this, args);
    this.addEventListener("track", ({ track }) => {
      watch.remoteStream = new MediaStream([track]);
    });
    channel.addEventListener("message", ({ data }) => {
      const { type } = JSON.parse(data);
      if (type === "input_audio_buffer.speech_started") note("speech");
    });
    return channel;
  };
}"""

NO_UDP = """() => {
  // Without a TURN server it has no candidate at all: as behind a firewall, nothing gets through.
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor() {
      super({ iceTransportPolicy: "relay" });
    }
  };
}"""


def say(visitor: Visitor, text: str) -> None:
    """Speak into the page's microphone."""
    pcm = np.round(spoken(text) * 32_767).astype("<i2").tobytes()
    visitor.page.evaluate("(pcm) => watch.say(pcm)", base64.b64encode(pcm).decode())


def last_moment(moments: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The last moment of this kind."""
    return next(each for each in reversed(moments) if each["kind"] == kind)


def muted_after_ms(moments: list[dict[str, Any]], kind: str) -> float:
    """How long after the last such moment the answer was muted."""
    at = last_moment(moments, kind)["at"]
    muted = next(each["at"] for each in moments if each["kind"] == "muted" and each["at"] >= at)
    return float(muted - at)


def test_a_sentence_is_answered_and_an_interruption_silences_at_once(
    playwright: Playwright, stack: Stack, measurements: dict[str, str]
) -> None:
    direct = {"transport": "webrtc"}
    with (
        chromium(playwright, *FAKE_DEVICE, *tab_recording.FLAGS, is_muted=False) as browser,
        visiting(browser, stack, login=register(stack), preferences=direct) as visitor,
    ):
        # To record the tab is to ask for its picture too, which the page's policy forbids.
        visitor.allow("Permissions policy violation: camera is not allowed")
        page = visitor.page
        page.evaluate(MICROPHONE)
        visitor.tap_microphone()
        visitor.await_state("listening")
        assert visitor.watched("sockets") == []
        tab_recording.start_tab_recording(page)
        say(visitor, QUESTION)
        visitor.await_state("speaking")
        page.evaluate("watch.hearAnswer()")
        say(visitor, SECOND_QUESTION)
        visitor.await_state("hearing_you", "interrupted")
        visitor.await_state("speaking")
        spoke = visitor.watched("moments")
        page.evaluate("watch.hearAnswer()")
        page.keyboard.press("Escape")
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "interrupted")
        pressed = visitor.watched("moments")
        muted_ms = muted_after_ms(spoke, "speech"), muted_after_ms(pressed, "key")
        assert max(muted_ms) < SILENT_WITHIN_MS
        assert page.evaluate("kaiwa.talk.client.playedRms") == 0
        recording = tab_recording.stop_tab_recording(page)
        by_speech_ms, by_key_ms = (
            recording.silent_after_ms(last_moment(moments, kind)["inRecordingS"])
            for moments, kind in ((spoke, "speech"), (pressed, "key"))
        )
        assert max(by_speech_ms, by_key_ms) < SILENT_WITHIN_MS
        measurements["WebRTC: silent after speech, and after the key, as recorded"] = (
            f"{by_speech_ms:.0f} ms, {by_key_ms:.0f} ms"
        )
        expect(page.locator("#quality")).to_be_visible()

        visitor.tap_typing()
        visitor.await_state("idle")
        assert (visitor.live_tracks(), visitor.open_contexts()) == (0, 0)
        visitor.await_stored(4)
        turns = [(turn["role"], turn["status"], turn["text"]) for turn in visitor.turns()]
        assert [(role, status) for role, status, _ in turns] == [
            ("user", "completed"),
            ("assistant", "interrupted"),
            ("user", "completed"),
            ("assistant", "interrupted"),
        ]
        assert [text for role, _, text in turns if role == "user"] == [QUESTION, SECOND_QUESTION]


def test_where_udp_is_blocked_automatic_goes_through_the_server_and_says_so(
    browser: Browser, stack: Stack
) -> None:
    automatic = {"transport": "automatic"}
    with visiting(browser, stack, login=register(stack), preferences=automatic) as visitor:
        page = visitor.page
        page.evaluate(NO_UDP)
        visitor.open_muted_call()
        assert page.evaluate("watch.sockets.length") == 1
        note = page.locator("#fell-back")
        expect(note).to_contain_text("The call goes through the server")
        visitor.type_and_wait(SECOND_QUESTION)
        visitor.tap_typing()
        visitor.await_state("idle")
        expect(note).to_be_hidden()
