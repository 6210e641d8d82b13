"""A new user's whole conversation, and the path of their audio to the provider."""

import math
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.audio.equipment import (
    Samples,
    chromium,
    floats_from,
    microphone_playing,
    similarity,
)
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.speech_files import microphone_wav, spoken
from tests.journeys.page.visitor import Visitor, layout_shift, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.exclusive]

SILENT_WITHIN_MS = 50
PAUSE_BEFORE_INTERRUPTION_S = 4.0
"""The reply begins about a second after the question and lasts seven."""
GREETING = "Hello, thank you for taking the time today."


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


@pytest.fixture(scope="module")
def journey(
    playwright: Playwright, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journey]:
    """Sign up, type, talk, interrupt the reply, type again, reload."""
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
        talk_and_interrupt(visitor, result)
        visitor.tap_typing()
        visitor.await_state("idle")
        result.tracks_after_talking = visitor.live_tracks()
        visitor.type_and_wait("Who else decides about this?")

        visitor.await_stored(8)
        result.announced, result.shifts = visitor.watched("announced"), visitor.watched("shifts")
        result.bubbles, result.turns = visitor.bubbles(), visitor.turns()
        visitor.page.reload()
        expect(visitor.lines).to_have_count(len(result.bubbles))
        result.bubbles_after_reload = visitor.bubbles()
    yield result


def sign_up(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="New here?").click()
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
    expect(visitor.answers.nth(1)).to_have_attribute("data-status", "interrupted")
    expect(visitor.answers.nth(2)).to_have_attribute("data-status", "completed")
    visitor.await_state("listening")
    recorded = visitor.page.evaluate("watch.stopRecording()")
    result.rate = recorded["sampleRate"]
    result.heard = floats_from(recorded["heard"])
    result.interrupted_at_frame = int(recorded["cutAtContextS"] * result.rate)
    result.speaker = visitor.watched("speaker")
    result.truncations = visitor.sent("conversation.item.truncate")


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
        ("user", "voice"),
        ("assistant", "voice"),
        ("user", "voice"),
        ("assistant", "voice"),
        ("user", "text"),
        ("assistant", "text"),
    ]
    texts = [line["text"] for line in journey.bubbles]
    assert (texts[0], texts[2], texts[4]) == (GREETING, QUESTION, SECOND_QUESTION)
    assert texts[5].startswith("There are four of us")


def test_unheard_text_is_marked_and_stored_as_unheard(journey: Journey) -> None:
    cut = journey.bubbles[3]
    assert (cut["status"], cut["item"]) == ("interrupted", journey.truncations[0]["item_id"])
    assert cut["heard"].strip() and cut["unheard"]
    assert [line["unheard"] for line in journey.bubbles if line is not cut] == [None] * 7
    row = journey.turns[3]
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
