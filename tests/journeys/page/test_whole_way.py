"""A new user's whole conversation, and the path of their audio to the provider."""

import html
import math
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.admin_client import AdminClient
from tests.journeys.audio.equipment import (
    Samples,
    chromium,
    floats_from,
    microphone_playing,
    similarity,
)
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION, TRANSCRIBED
from tests.journeys.page.speech_files import microphone_wav, spoken
from tests.journeys.page.visitor import Visitor, layout_shift, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.exclusive]

SILENT_WITHIN_MS = 50
PAUSE_BEFORE_INTERRUPTION_S = 4.0
"""The reply begins about a second after the question and lasts seven."""
GREETING = "Hello, thank you for taking the time today."
REPEAT = "Could you say that again, please?"
"""What was said last: only a model that has the spoken words can answer it."""
TYPED_ANSWER = "Orders reach us by telephone and fax."
"""The simulator's first answer to `QUESTION`. It never says a line twice while it has others."""
SPOKEN_ANSWER = "There are four of us on the order desk, and two will retire next spring."

STOP_AT_THE_FIRST_WORDS = """async (words) => {
  const text = () => document.querySelector('#lines .line:last-child .text')?.textContent ?? "";
  await watch.waitUntil(() => text().startsWith(words), words);
  document.getElementById("send").click();
}"""
"""In the page, because the whole answer takes half a second."""


@dataclass(slots=True)
class Journey:
    """What one whole conversation produced; the tests below check it."""

    tracks_while_talking: int = 0
    tracks_after_talking: int = 0
    heard: Samples = field(default_factory=lambda: np.zeros(0))
    rate: int = 0
    interrupted_at_frame: int = 0
    """The frame of `heard` at which the page received the interruption's `speech_started`."""
    speaker: list[dict[str, Any]] = field(default_factory=list)
    truncations: list[dict[str, Any]] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    shifts: list[dict[str, Any]] = field(default_factory=list)
    bubbles: list[dict[str, Any]] = field(default_factory=list)
    bubbles_after_reload: list[dict[str, Any]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    admin_page: str = ""


@pytest.fixture(scope="module")
def journey(
    playwright: Playwright, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journey]:
    """Sign up, type, stop an answer, talk, interrupt the reply, type again, dictate, reload."""
    wav = microphone_wav(
        tmp_path_factory.mktemp("talk") / "talk.wav",
        QUESTION, PAUSE_BEFORE_INTERRUPTION_S, SECOND_QUESTION,
    )  # fmt: skip
    result = Journey()
    with (
        chromium(playwright, *microphone_playing(wav)) as browser,
        visiting(browser, stack) as visitor,
    ):
        sign_up(visitor)
        visitor.type_and_wait(GREETING)
        expect(visitor.page.locator("#title")).to_contain_text("Hello, thank you")
        visitor.type(QUESTION)
        visitor.page.evaluate(STOP_AT_THE_FIRST_WORDS, TYPED_ANSWER[:20])
        visitor.await_state("idle")
        visitor.await_stored(4)
        talk_and_interrupt(visitor, result)
        visitor.tap_typing()
        visitor.await_state("idle")
        result.tracks_after_talking = visitor.live_tracks()
        visitor.type_and_wait(REPEAT)
        dictate(visitor)
        visitor.page.locator("#message").press("Enter")
        expect(visitor.answers).to_have_count(6)
        visitor.await_state("idle")

        visitor.await_stored(12)
        result.announced, result.shifts = visitor.watched("announced"), visitor.watched("shifts")
        result.bubbles, result.turns = visitor.bubbles(), visitor.turns()
        visitor.page.reload()
        expect(visitor.lines).to_have_count(len(result.bubbles))
        result.bubbles_after_reload = visitor.bubbles()
        session_id = visitor.session_id
    admin = AdminClient.sign_in(stack)
    result.admin_page = admin.read(f"/admin/conversations/session/{session_id}/change/")
    yield result


def sign_up(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Username").fill("stranger")
    page.get_by_label("Password").fill("a-long-walk-in-the-rain")
    page.get_by_role("button", name="Create and sign in").click()
    expect(page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()
    expect(page.locator("#message")).to_be_focused()


def talk_and_interrupt(visitor: Visitor, result: Journey) -> None:
    """The recording's second question interrupts the first reply; the second reply completes."""
    visitor.tap_microphone()
    visitor.await_state("listening")
    result.tracks_while_talking = visitor.live_tracks()
    visitor.start_recording()
    visitor.await_state("speaking")
    expect(visitor.answers.nth(2)).to_have_attribute("data-status", "interrupted")
    expect(visitor.answers.nth(3)).to_have_attribute("data-status", "completed")
    visitor.await_state("listening")
    recorded = visitor.page.evaluate("watch.stopRecording()")
    result.rate = recorded["sampleRate"]
    result.heard = floats_from(recorded["heard"])
    result.interrupted_at_frame = int(recorded["cutAtContextS"] * result.rate)
    result.speaker = visitor.watched("speaker")
    result.truncations = visitor.sent("conversation.item.truncate")


def dictate(visitor: Visitor) -> None:
    """Record a second of the microphone's file; its text is in the message box afterwards."""
    visitor.page.locator("#dictate").click()
    expect(visitor.page.locator("#dictation-time")).to_have_text("0:01")
    visitor.page.locator("#dictation-finish").click()
    expect(visitor.page.locator("#message")).to_have_value(TRANSCRIBED)


def test_the_microphone_is_open_only_during_voice_mode(journey: Journey) -> None:
    assert (journey.tracks_while_talking, journey.tracks_after_talking) == (1, 0)


def test_the_replies_are_played_without_a_gap(journey: Journey) -> None:
    assert [each for each in journey.speaker if each["kind"] == "underrun"] == []
    for answer in (
        journey.heard[: journey.interrupted_at_frame],
        journey.heard[journey.interrupted_at_frame :],
    ):
        assert np.sqrt(np.mean(np.extract(answer != 0, answer) ** 2)) > 0.02


def test_an_interruption_silences_the_reply_at_once(
    journey: Journey, measurements: dict[str, str]
) -> None:
    heard, rate, interrupted_at_frame = journey.heard, journey.rate, journey.interrupted_at_frame
    assert np.any(heard[interrupted_at_frame - rate // 4 : interrupted_at_frame]), (
        "nothing was playing at the interruption"
    )
    sounding = np.flatnonzero(heard[interrupted_at_frame : interrupted_at_frame + rate // 2])
    silent_after_ms = float(sounding[-1] + 1) * 1000 / rate if len(sounding) else 0.0
    assert silent_after_ms < SILENT_WITHIN_MS
    measurements["silence after an interruption"] = f"{silent_after_ms:.0f} ms"


def test_audio_end_ms_is_what_was_heard_to_the_millisecond(journey: Journey) -> None:
    (truncation,) = journey.truncations
    flushed = next(each for each in journey.speaker if each["kind"] == "flushed" and each["cuts"])
    played_ms = flushed["cuts"][0]["playedSamples"] / 24
    assert truncation["audio_end_ms"] == math.floor(played_ms - flushed["latencyMs"])
    tapped = np.flatnonzero(journey.heard[: journey.interrupted_at_frame + journey.rate // 4])
    # The first samples of speech may be zeros.
    assert played_ms == pytest.approx((tapped[-1] - tapped[0]) * 1000 / journey.rate, abs=5)


def test_both_sides_are_shown_in_spoken_order(journey: Journey) -> None:
    assert [(line["role"], line["modality"]) for line in journey.bubbles] == [
        ("user", "text"),
        ("assistant", "text"),
        ("user", "text"),
        ("assistant", "text"),
        ("user", "voice"),
        ("assistant", "voice"),
        ("user", "voice"),
        ("assistant", "voice"),
        ("user", "text"),
        ("assistant", "text"),
        ("user", "text"),
        ("assistant", "text"),
    ]
    asked = [line["text"] for line in journey.bubbles if line["role"] == "user"]
    assert asked == [GREETING, QUESTION, QUESTION, SECOND_QUESTION, REPEAT, TRANSCRIBED]
    statuses = [line["status"] for line in journey.bubbles if line["role"] == "assistant"]
    assert statuses == ["completed", "interrupted", "interrupted", *["completed"] * 3]


def test_a_model_knows_what_the_other_one_said(journey: Journey) -> None:
    _, stopped, interrupted, spoken_answer, repeated, _ = [
        line["text"] for line in journey.bubbles if line["role"] == "assistant"
    ]
    assert stopped.startswith(TYPED_ANSWER[:20]) and TYPED_ANSWER not in interrupted
    assert spoken_answer == SPOKEN_ANSWER
    assert SPOKEN_ANSWER in repeated


def test_the_admin_shows_the_same_conversation(journey: Journey) -> None:
    shown = journey.admin_page[journey.admin_page.index('class="kaiwa-transcript"') :]
    texts = re.findall(r'<p class="kaiwa-text"[^>]*>(.*?)</p>', shown, re.DOTALL)
    words = [html.unescape(re.sub("<[^>]*>", "", text)).split() for text in texts]
    assert words == [line["text"].split() for line in journey.bubbles]
    assert shown.count("kaiwa-interrupted") == 2
    (unheard,) = re.findall(r'class="kaiwa-unheard">(.*?)</span>', shown, re.DOTALL)
    assert html.unescape(unheard).strip() == journey.bubbles[5]["unheard"].strip()


def test_unheard_text_is_marked_and_stored_as_unheard(journey: Journey) -> None:
    cut = journey.bubbles[5]
    assert (cut["status"], cut["item"]) == ("interrupted", journey.truncations[0]["item_id"])
    assert cut["heard"].strip() and cut["unheard"]
    assert [line["unheard"] for line in journey.bubbles if line is not cut] == [None] * 11
    row = journey.turns[5]
    assert row["heard_ms"] == journey.truncations[0]["audio_end_ms"]
    assert row["heard_text"].strip() == cut["heard"].strip()


def test_the_server_has_stored_what_the_page_shows(journey: Journey) -> None:
    def key_fields(turn: dict[str, Any], item: str) -> tuple[str, ...]:
        return turn[item], turn["role"], turn["modality"], turn["status"], turn["text"]

    stored = [key_fields(turn, "item_id") for turn in journey.turns]
    assert stored == [key_fields(line, "item") for line in journey.bubbles]
    assert len({turn["item_id"] for turn in journey.turns}) == len(stored)


def test_a_reload_shows_the_same_conversation(journey: Journey) -> None:
    assert journey.bubbles_after_reload == journey.bubbles


def test_a_screen_reader_gets_each_state_once(journey: Journey) -> None:
    first = journey.announced.index("Hearing you")
    assert journey.announced[first : first + 8] == [
        "Hearing you",
        "Thinking",
        "Speaking",
        "Interrupted",
        "Hearing you",
        "Thinking",
        "Speaking",
        "Listening",
    ]
    assert all(text != following for text, following in pairwise(journey.announced))


def test_the_conversation_causes_almost_no_layout_shift(
    journey: Journey, measurements: dict[str, str]
) -> None:
    shift = layout_shift(journey.shifts)
    assert shift < 0.02, journey.shifts
    measurements["layout shift in a whole conversation, worst 5 s"] = f"{shift:.4f}"


def test_the_sentence_arrives_unchanged_at_the_provider(
    browser: Browser, stack: Stack, measurements: dict[str, str]
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.get_by_role("button", name="Settings").click()
        for label in ("Remove echo", "Reduce noise", "Even out loudness"):
            page.get_by_label(label).uncheck()
        page.get_by_role("button", name="Done").click()
        visitor.tap_microphone()
        expect(visitor.lines.first.locator(".text")).to_have_text(SECOND_QUESTION)
        visitor.tap_typing()

        call = http("GET", f"{stack.simulator_url}/simulator/calls").json["calls"][-1]
        assert call["heard"] == [SECOND_QUESTION]
        heard = audio_received_by_the_simulator(stack, call["number"])
        result = similarity(heard, spoken(SECOND_QUESTION))
        assert result.share_received > 0.9
        assert result.median_correlation > 0.99
        assert result.has_no_loss
        measurements["correlation of the sentence with its source"] = (
            f"{result.median_correlation:.5f}"
        )


def audio_received_by_the_simulator(stack: Stack, number: int) -> Samples:
    """The audio of one of its calls, as samples in -1..1."""
    url = f"{stack.simulator_url}/simulator/calls/{number}/audio"
    with urllib.request.urlopen(url, timeout=20) as response:
        return np.frombuffer(response.read(), dtype="<i2").astype(np.float64) / 32_768
