"""The whole way of somebody who has never seen Kaiwa, and that of their voice to the provider."""

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
    likeness,
    microphone_playing,
)
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.sounds import monologue, spoken
from tests.journeys.page.visitor import Visitor, layout_shift, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = [pytest.mark.page, pytest.mark.exclusive]

SILENT_WITHIN_MS = 50
UNTIL_CUTTING_IN_S = 4.0
"""The answer begins about a second after the question and lasts seven."""
GREETING = "Hello, thank you for taking the time today."


@dataclass(slots=True)
class Journey:
    """What came of the one whole journey that the tests below judge."""

    tracks_while_talking: int = 0
    tracks_after_talking: int = 0
    heard: Samples = field(default_factory=lambda: np.zeros(0))
    rate: int = 0
    cut_at: int = 0
    """The frame of `heard` at which the page could first know that somebody cuts in."""
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
    """Signs in, types, talks, is answered, cuts in, types again, reloads."""
    wav = monologue(
        tmp_path_factory.mktemp("talk") / "talk.wav",
        QUESTION, UNTIL_CUTTING_IN_S, SECOND_QUESTION,
    )  # fmt: skip
    seen = Journey()
    with (
        chromium(playwright, *microphone_playing(wav)) as browser,
        visiting(browser, stack) as visitor,
    ):
        sign_up(visitor)
        visitor.say_by_keyboard(GREETING)
        expect(visitor.page.locator("#title")).to_contain_text("Hello, thank you")
        talk_and_cut_in(visitor, seen)
        visitor.tap_typing()
        visitor.await_state("idle")
        seen.tracks_after_talking = visitor.live_tracks()
        visitor.say_by_keyboard("Who else decides about this?")

        visitor.await_kept(8)
        seen.announced, seen.shifts = visitor.watched("announced"), visitor.watched("shifts")
        seen.bubbles, seen.turns = visitor.bubbles(), visitor.turns()
        visitor.page.reload()
        expect(visitor.lines).to_have_count(len(seen.bubbles))
        seen.bubbles_after_reload = visitor.bubbles()
    yield seen


def sign_up(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="New here?").click()
    page.get_by_label("Username").fill("stranger")
    page.get_by_label("Password").fill("a-long-walk-in-the-rain")
    page.get_by_role("button", name="Create and sign in").click()
    expect(page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()
    expect(page.locator("#message")).to_be_focused()


def talk_and_cut_in(visitor: Visitor, seen: Journey) -> None:
    """The second question of the recording falls into the first answer; the second is heard out."""
    visitor.tap_microphone()
    visitor.await_state("listening")
    seen.tracks_while_talking = visitor.live_tracks()
    visitor.listen()
    visitor.await_state("speaking")
    expect(visitor.answers.nth(1)).to_have_attribute("data-status", "interrupted")
    expect(visitor.answers.nth(2)).to_have_attribute("data-status", "completed")
    visitor.await_state("listening")
    recorded = visitor.page.evaluate("watch.recorded()")
    seen.rate = recorded["sampleRate"]
    seen.heard = floats_from(recorded["heard"])
    seen.cut_at = int(recorded["cutAtContextS"] * seen.rate)
    seen.speaker = visitor.watched("speaker")
    seen.truncations = visitor.sent("conversation.item.truncate")


def test_the_microphone_is_open_while_one_talks_and_not_a_moment_longer(journey: Journey) -> None:
    assert (journey.tracks_while_talking, journey.tracks_after_talking) == (1, 0)


def test_the_answers_are_heard_without_a_gap(journey: Journey) -> None:
    assert [told for told in journey.speaker if told["kind"] == "underrun"] == []
    for answer in (journey.heard[: journey.cut_at], journey.heard[journey.cut_at :]):
        assert np.sqrt(np.mean(np.extract(answer != 0, answer) ** 2)) > 0.02


def test_cutting_in_silences_the_answer_at_once(journey: Journey, figures: dict[str, str]) -> None:
    heard, rate, cut_at = journey.heard, journey.rate, journey.cut_at
    assert np.any(heard[cut_at - rate // 4 : cut_at]), "nothing sounded when it was cut"
    sounding = np.flatnonzero(heard[cut_at : cut_at + rate // 2])
    silent_after_ms = float(sounding[-1] + 1) * 1000 / rate if len(sounding) else 0.0
    assert silent_after_ms < SILENT_WITHIN_MS
    figures["silence after cutting in"] = f"{silent_after_ms:.0f} ms"


def test_what_was_heard_of_a_cut_answer_is_told_to_the_millisecond(journey: Journey) -> None:
    (truncation,) = journey.truncations
    flushed = next(told for told in journey.speaker if told["kind"] == "flushed" and told["cuts"])
    played_ms = flushed["cuts"][0]["playedSamples"] / 24
    assert truncation["audio_end_ms"] == math.floor(played_ms - flushed["latencyMs"])
    tapped = np.flatnonzero(journey.heard[: journey.cut_at + journey.rate // 4])
    # The first samples of a voice may be zeros.
    assert played_ms == pytest.approx((tapped[-1] - tapped[0]) * 1000 / journey.rate, abs=5)


def test_both_sides_are_read_in_the_order_in_which_they_were_spoken(journey: Journey) -> None:
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


def test_what_was_not_heard_is_shown_to_be_so_and_kept_so(journey: Journey) -> None:
    cut = journey.bubbles[3]
    assert (cut["status"], cut["item"]) == ("interrupted", journey.truncations[0]["item_id"])
    assert cut["heard"].strip() and cut["unheard"]
    assert [line["unheard"] for line in journey.bubbles if line is not cut] == [None] * 7
    row = journey.turns[3]
    assert row["heard_ms"] == journey.truncations[0]["audio_end_ms"]
    assert row["heard_text"].strip() == cut["heard"].strip()


def test_the_server_has_what_the_page_shows(journey: Journey) -> None:
    def essence(turn: dict[str, Any], item: str) -> tuple[str, ...]:
        return turn[item], turn["role"], turn["modality"], turn["status"], turn["text"]

    kept = [essence(turn, "item_id") for turn in journey.turns]
    assert kept == [essence(line, "item") for line in journey.bubbles]
    assert len({turn["item_id"] for turn in journey.turns}) == len(kept)


def test_a_reload_finds_it_all_again_and_nothing_twice(journey: Journey) -> None:
    assert journey.bubbles_after_reload == journey.bubbles


def test_each_state_is_told_once_to_those_who_listen(journey: Journey) -> None:
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
    assert all(told != after for told, after in pairwise(journey.announced))


def test_nothing_jumps_while_one_talks(journey: Journey, figures: dict[str, str]) -> None:
    shift = layout_shift(journey.shifts)
    assert shift < 0.02, journey.shifts
    figures["layout shift in a whole conversation, worst 5 s"] = f"{shift:.4f}"


def test_the_sentence_arrives_at_the_provider_as_it_was_spoken(
    browser: Browser, stack: Stack, figures: dict[str, str]
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
        heard = heard_by_the_simulator(stack, call["number"])
        arrived = likeness(heard, spoken(SECOND_QUESTION))
        assert arrived.share_that_came > 0.9
        assert arrived.typical > 0.99
        assert arrived.is_without_loss
        figures["correlation of the sentence with its source"] = f"{arrived.typical:.5f}"


def heard_by_the_simulator(stack: Stack, number: int) -> Samples:
    """The sound of one of its calls, as samples in -1..1."""
    url = f"{stack.simulator_url}/simulator/calls/{number}/audio"
    with urllib.request.urlopen(url, timeout=20) as response:
        return np.frombuffer(response.read(), dtype="<i2").astype(np.float64) / 32_768
