"""The whole way of somebody who has never seen Kaiwa, and that of their voice to the provider."""

import math
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.audio.equipment import (
    Samples,
    chromium,
    correlation_at_best_fit,
    floats_from,
    microphone_playing,
)
from tests.journeys.page.conftest import QUESTION, SECOND_QUESTION
from tests.journeys.page.sounds import monologue, spoken
from tests.journeys.page.visitor import Visitor, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.page

SILENT_WITHIN_MS = 50
UNTIL_CUTTING_IN_S = 4.0
"""The answer begins about a second after the question and lasts seven."""


def test_a_stranger_signs_in_types_talks_cuts_in_and_finds_it_all_again(
    playwright: Playwright, stack: Stack, tmp_path: Path, figures: dict[str, str]
) -> None:
    wav = monologue(tmp_path / "talk.wav", QUESTION, UNTIL_CUTTING_IN_S, SECOND_QUESTION)
    with (
        chromium(playwright, *microphone_playing(wav)) as browser,
        visiting(browser, stack) as visitor,
    ):
        sign_up(visitor)
        assert visitor.say_by_keyboard("Hello, thank you for taking the time today.")
        expect(visitor.page.locator("#title")).to_contain_text("Hello, thank you")

        visitor.tap_microphone()
        visitor.await_state("listening")
        assert visitor.live_tracks() == 1
        visitor.listen()
        first_answer_is_interrupted(visitor)
        second_answer_is_heard_to_its_end(visitor, figures)

        visitor.tap_typing()
        visitor.await_state("idle")
        assert visitor.live_tracks() == 0
        assert visitor.say_by_keyboard("Who else decides about this?")

        before = visitor.bubbles()
        assert_same_as_the_server_has(visitor, before)
        visitor.page.reload()
        expect(visitor.lines).to_have_count(len(before))
        assert visitor.bubbles() == before


def sign_up(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="New here?").click()
    page.get_by_label("Username").fill("stranger")
    page.get_by_label("Password").fill("a-long-walk-in-the-rain")
    page.get_by_role("button", name="Create and sign in").click()
    expect(page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()
    expect(page.locator("#message")).to_be_focused()


def first_answer_is_interrupted(visitor: Visitor) -> None:
    visitor.await_state("hearing_you")
    visitor.await_state("speaking")
    cut = visitor.answers.nth(1)
    expect(cut).to_have_attribute("data-status", "interrupted")
    visitor.await_event("conversation.item.truncated")


def second_answer_is_heard_to_its_end(visitor: Visitor, figures: dict[str, str]) -> None:
    expect(visitor.answers.nth(2)).to_have_attribute("data-status", "completed")
    visitor.await_state("listening")
    seen = visitor.page.evaluate("watch.recorded()")
    speaker = visitor.watched("speaker")

    (truncation,) = visitor.sent("conversation.item.truncate")
    cut_item = truncation["item_id"]
    heard = floats_from(seen["heard"])
    rate = seen["sampleRate"]
    cut_at = int(seen["cutAtContextS"] * rate)
    silent_after_ms = ms_until_silent(heard, cut_at, rate)
    assert silent_after_ms < SILENT_WITHIN_MS
    figures["silence after cutting in"] = f"{silent_after_ms:.0f} ms"
    played = np.flatnonzero(heard[: cut_at + rate // 4])
    flushed = next(told for told in speaker if told["kind"] == "flushed" and told["cuts"])
    played_ms = flushed["cuts"][0]["played"] / 24
    assert truncation["audio_end_ms"] == math.floor(played_ms - flushed["latencyMs"])
    # The first samples of a voice may be zeros.
    assert played_ms == pytest.approx((played[-1] - played[0]) * 1000 / rate, abs=5)

    assert not [told for told in speaker if told["kind"] == "underrun"]
    after = heard[cut_at:]
    assert np.sqrt(np.mean(after[np.flatnonzero(after)] ** 2)) > 0.02

    _, _, question, answer, second_question, second_answer = visitor.bubbles()
    assert (question["text"], second_question["text"]) == (QUESTION, SECOND_QUESTION)
    assert (question["modality"], answer["item"]) == ("voice", cut_item)
    assert answer["unheard"] and answer["heard"].strip()
    assert second_answer["text"].startswith("There are four of us") and not second_answer["unheard"]
    row = next(turn for turn in visitor.turns() if turn["item_id"] == cut_item)
    assert row["heard_ms"] == truncation["audio_end_ms"]
    assert row["heard_text"].strip() == answer["heard"].strip()


def ms_until_silent(heard: Samples, cut_at: int, rate: int) -> float:
    """From the frame at which the page could know of the cut to the last one that sounds, in ms."""
    assert np.any(heard[cut_at - rate // 4 : cut_at]), "nothing sounded when it was cut"
    until_next_answer = heard[cut_at : cut_at + rate // 2]
    sounding = np.flatnonzero(until_next_answer)
    return float(sounding[-1] + 1) * 1000 / rate if len(sounding) else 0.0


def assert_same_as_the_server_has(visitor: Visitor, bubbles: list[dict[str, Any]]) -> None:
    turns = visitor.turns()
    assert [(turn["item_id"], turn["role"], turn["modality"], turn["text"]) for turn in turns] == [
        (line["item"], line["role"], line["modality"], line["text"]) for line in bubbles
    ]
    assert len({turn["item_id"] for turn in turns}) == len(turns)


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
        expect(visitor.lines.first.locator(".text")).to_have_text(QUESTION)
        visitor.tap_typing()

        call = http("GET", f"{stack.simulator_url}/simulator/calls").json["calls"][-1]
        assert call["heard"] == [QUESTION]
        heard = heard_by_the_simulator(stack, call["number"])
        correlation = correlation_at_best_fit(heard, spoken(QUESTION))
        assert correlation > 0.99
        figures["correlation of the sentence with its source"] = f"{correlation:.5f}"


def heard_by_the_simulator(stack: Stack, number: int) -> Samples:
    """The sound of one of its calls, as samples in -1..1."""
    url = f"{stack.simulator_url}/simulator/calls/{number}/audio"
    with urllib.request.urlopen(url, timeout=20) as response:
        return np.frombuffer(response.read(), dtype="<i2").astype(np.float64) / 32_768
