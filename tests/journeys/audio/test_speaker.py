"""`audio/speaker.js` in real Chromium, with a recorder connected to its output."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Playwright

from tests.journeys.audio.equipment import (
    WIRE_RATE,
    Samples,
    ScenarioPage,
    chromium,
    floats_from,
    scenario_page,
)

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]

SILENT_WITHIN_S = 0.05


@pytest.fixture(scope="module")
def page(playwright: Playwright, site: str) -> Iterator[ScenarioPage]:
    with chromium(playwright) as browser, scenario_page(browser, site) as page:
        yield page


def _ramp(samples: int) -> Samples:
    return (np.arange(samples) % 32_000 + 1) / 32_768


def _audible(report: dict[str, Any]) -> Samples:
    """The recorded samples without zeros."""
    heard = floats_from(report["heard"])
    return np.extract(heard != 0, heard)


def _kinds(report: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in report["events"] if event["kind"] != "position"]


def _assert_silent_at_once(report: dict[str, Any]) -> None:
    """Measured in the context's own time."""
    audible = np.flatnonzero(floats_from(report["heard"]))
    silent_from_s = (int(audible[-1]) + 1) / report["sampleRate"]
    assert 0 <= silent_from_s - report["calledAtContextS"] < SILENT_WITHIN_S


def test_a_reply_at_five_times_real_time_is_played_bit_for_bit(page: ScenarioPage) -> None:
    samples = 24 * 2000 + 17
    report = page.run("playReply", samples=samples, pace=5, sampleRate=WIRE_RATE, blockMs=500)
    heard = np.trim_zeros(floats_from(report["heard"]))
    assert np.array_equal(heard, _ramp(samples))
    assert _kinds(report) == ["start", "ended"]


def test_a_reply_is_played_without_a_gap_at_the_devices_own_rate(page: ScenarioPage) -> None:
    samples = 24 * 2000 + 17
    report = page.run("playReply", samples=samples, pace=5, blockMs=500)
    rate = report["sampleRate"]
    assert rate != WIRE_RATE
    heard = np.trim_zeros(floats_from(report["heard"]))
    frames = int(samples * rate / WIRE_RATE)
    place = np.arange(frames) * WIRE_RATE / rate
    expected = (place % 32_000 + 1) / 32_768
    # Only where the ramp jumps back must a band-limited copy differ from it.
    smooth = (place > 50) & (place < samples - 50) & (np.abs(place - 32_000) > 50)
    assert np.abs(heard[:frames] - expected)[smooth].max() < 2 / 32_768
    assert _kinds(report) == ["start", "ended"]


def test_the_position_is_reported_at_most_ten_times_a_second(page: ScenarioPage) -> None:
    report = page.run("playReply", samples=24 * 1000, pace=5)
    positions = [event["playedMs"] for event in report["events"] if event["kind"] == "position"]
    assert 8 <= len(positions) <= 10
    assert np.diff(positions).min() >= 100


@pytest.mark.parametrize("rate", [WIRE_RATE, None])
def test_an_interruption_silences_at_once_and_reports_the_ms_heard(
    page: ScenarioPage, rate: int | None
) -> None:
    report = page.run("interrupt", sampleRate=rate, atMs=600)
    _assert_silent_at_once(report)
    first, second = report["cuts"]
    _assert_heard_is_played_less_latency(report)
    assert (first["itemId"], second["itemId"]) == ("a", "b")
    assert (second["heardMs"], second["wasAllHeard"], first["wasAllHeard"]) == (0, False, False)
    assert _kinds(report) == ["start"]


@pytest.mark.parametrize("rate", [WIRE_RATE, None])
def test_an_interruption_after_a_stall_reports_the_ms_heard(
    page: ScenarioPage, rate: int | None
) -> None:
    report = page.run("interruptAfterStall", sampleRate=rate, stallS=0.9)
    _assert_silent_at_once(report)
    assert len(report["cuts"]) == 1
    _assert_heard_is_played_less_latency(report)
    assert _kinds(report) == ["start", "underrun"]


def _assert_heard_is_played_less_latency(report: dict[str, Any]) -> None:
    """Compare the playing part's cut, to the millisecond, with the recorded samples."""
    played_ms, latency_ms = report["playedMs"][0], report["latencyMs"]
    tapped_ms = len(_audible(report)) * 1000 / report["sampleRate"]
    assert played_ms == pytest.approx(tapped_ms, abs=0.2)
    assert 0 < latency_ms < 500
    assert report["cuts"][0]["heardMs"] == math.floor(max(0, played_ms - latency_ms))


def test_an_interruption_works_while_the_context_is_suspended(page: ScenarioPage) -> None:
    report = page.run("interruptWhileSuspended")
    _assert_heard_is_played_less_latency(report)


def test_the_next_reply_is_played_whole_after_an_interruption(page: ScenarioPage) -> None:
    report = page.run("playAgainAfterInterruption")
    heard = floats_from(report["heard"])
    assert np.count_nonzero(heard == -9 / 32_768) == 3 * 2400
    assert _kinds(report) == ["start", "start", "ended"]


def test_two_replies_are_played_in_order_to_the_last_sample(page: ScenarioPage) -> None:
    report = page.run("queueTwo")
    assert np.array_equal(np.trim_zeros(floats_from(report["heard"])), _ramp(2 * 2400 + 8))
    assert [
        (event["kind"], event["itemId"])
        for event in report["events"]
        if event["kind"] != "position"
    ] == [
        ("start", "a"),
        ("ended", "a"),
        ("start", "b"),
        ("ended", "b"),
    ]


def test_the_volume_is_applied_and_zero_is_silence(page: ScenarioPage) -> None:
    levels = page.run("changeVolume", volumes=[1, 0.5, 0, 0.25, 7])["levels"]
    full = 20_000 / 32_768
    assert levels == pytest.approx([full, full / 2, 0, full / 4, full], rel=1e-3)
    assert levels[2] == 0


def test_closing_ends_everything_and_can_be_repeated(page: ScenarioPage) -> None:
    report = page.run("closeInMidReply")
    (heard, waiting), after = report["cuts"]
    assert report["lastPlayedMs"] >= 100
    assert heard["heardMs"] == math.floor(max(0, report["lastPlayedMs"] - report["latencyMs"]))
    assert (waiting["itemId"], waiting["heardMs"], after) == ("b", 0, [])
    assert report["events"] == report["afterClose"]


def test_a_speaker_that_is_not_open_plays_nothing(page: ScenarioPage) -> None:
    unheard = {"itemId": "a", "contentIndex": 0, "heardMs": 0, "wasAllHeard": False}
    assert page.run("useBeforeOpen")["cuts"] == [unheard]


def test_opening_can_be_tried_again(page: ScenarioPage) -> None:
    assert page.run("openAgainAfterLoss") == {"first": "lost", "second": "open"}
