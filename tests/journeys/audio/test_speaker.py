"""The loudspeaker in real Chromium, with a recorder at its tap."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Playwright

from tests.journeys.audio.equipment import (
    WIRE_RATE,
    Samples,
    Stage,
    chromium,
    floats_from,
    stage_in,
)

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]

SILENT_WITHIN_S = 0.05


@pytest.fixture(scope="module")
def stage(playwright: Playwright, site: str) -> Iterator[Stage]:
    with chromium(playwright) as browser, stage_in(browser, site) as stage:
        yield stage


def _ramp(samples: int) -> Samples:
    return (np.arange(samples) % 32_000 + 1) / 32_768


def _sounding(seen: dict[str, Any]) -> Samples:
    """What was heard, without the silence around and between."""
    heard = floats_from(seen["heard"])
    return np.extract(heard != 0, heard)


def _kinds(seen: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in seen["said"] if event["kind"] != "position"]


def _assert_silent_at_once(seen: dict[str, Any]) -> None:
    """By the context's own time."""
    sounding = np.flatnonzero(floats_from(seen["heard"]))
    silent_from_s = (int(sounding[-1]) + 1) / seen["sampleRate"]
    assert 0 <= silent_from_s - seen["calledAtContextS"] < SILENT_WITHIN_S


def test_an_answer_at_five_times_real_time_is_heard_bit_for_bit(stage: Stage) -> None:
    samples = 24 * 2000 + 17
    seen = stage.play("hearAnswer", samples=samples, pace=5, sampleRate=WIRE_RATE, blockMs=500)
    heard = np.trim_zeros(floats_from(seen["heard"]))
    assert np.array_equal(heard, _ramp(samples))
    assert _kinds(seen) == ["start", "ended"]


def test_an_answer_is_heard_without_a_gap_at_the_devices_own_rate(stage: Stage) -> None:
    samples = 24 * 2000 + 17
    seen = stage.play("hearAnswer", samples=samples, pace=5, blockMs=500)
    rate = seen["sampleRate"]
    assert rate != WIRE_RATE
    heard = np.trim_zeros(floats_from(seen["heard"]))
    frames = int(samples * rate / WIRE_RATE)
    place = np.arange(frames) * WIRE_RATE / rate
    expected = (place % 32_000 + 1) / 32_768
    # A ramp's jump back is the one place where a band-limited copy must differ.
    smooth = (place > 50) & (place < samples - 50) & (np.abs(place - 32_000) > 50)
    assert np.abs(heard[:frames] - expected)[smooth].max() < 2 / 32_768
    assert _kinds(seen) == ["start", "ended"]


def test_its_position_is_told_at_most_ten_times_a_second(stage: Stage) -> None:
    seen = stage.play("hearAnswer", samples=24 * 1000, pace=5)
    positions = [event["playedMs"] for event in seen["said"] if event["kind"] == "position"]
    assert 8 <= len(positions) <= 10
    assert np.diff(positions).min() >= 100


@pytest.mark.parametrize("rate", [WIRE_RATE, None])
def test_an_interruption_is_silent_at_once_and_counts_what_was_heard(
    stage: Stage, rate: int | None
) -> None:
    seen = stage.play("interrupt", sampleRate=rate, atMs=600)
    _assert_silent_at_once(seen)
    first, second = seen["cuts"]
    _assert_heard_is_played_less_latency(seen)
    assert (first["itemId"], second["itemId"]) == ("a", "b")
    assert (second["heardMs"], second["wasAllHeard"], first["wasAllHeard"]) == (0, False, False)
    assert _kinds(seen) == ["start"]


@pytest.mark.parametrize("rate", [WIRE_RATE, None])
def test_an_interruption_after_a_stall_counts_what_was_heard(
    stage: Stage, rate: int | None
) -> None:
    seen = stage.play("interruptAfterStall", sampleRate=rate, stallS=0.9)
    _assert_silent_at_once(seen)
    assert len(seen["cuts"]) == 1
    _assert_heard_is_played_less_latency(seen)
    assert _kinds(seen) == ["start", "underrun"]


def _assert_heard_is_played_less_latency(seen: dict[str, Any]) -> None:
    """Compare the playing part's cut, to the millisecond, with the samples that passed the tap."""
    played_ms, latency_ms = seen["playedMs"][0], seen["latencyMs"]
    tapped_ms = len(_sounding(seen)) * 1000 / seen["sampleRate"]
    assert played_ms == pytest.approx(tapped_ms, abs=0.2)
    assert 0 < latency_ms < 500
    assert seen["cuts"][0]["heardMs"] == math.floor(max(0, played_ms - latency_ms))


def test_an_interruption_is_answered_while_the_context_sleeps(stage: Stage) -> None:
    seen = stage.play("interruptWhileAsleep")
    _assert_heard_is_played_less_latency(seen)


def test_the_next_answer_is_heard_whole_after_an_interruption(stage: Stage) -> None:
    seen = stage.play("answerAgainAfterInterruption")
    heard = floats_from(seen["heard"])
    assert np.count_nonzero(heard == -9 / 32_768) == 3 * 2400
    assert _kinds(seen) == ["start", "start", "ended"]


def test_two_answers_are_heard_in_their_order_to_the_last_sample(stage: Stage) -> None:
    seen = stage.play("queueTwo")
    assert np.array_equal(np.trim_zeros(floats_from(seen["heard"])), _ramp(2 * 2400 + 8))
    assert [
        (event["kind"], event["itemId"]) for event in seen["said"] if event["kind"] != "position"
    ] == [
        ("start", "a"),
        ("ended", "a"),
        ("start", "b"),
        ("ended", "b"),
    ]


def test_the_volume_follows_and_nought_is_silence(stage: Stage) -> None:
    levels = stage.play("turnVolume", volumes=[1, 0.5, 0, 0.25, 7])["levels"]
    full = 20_000 / 32_768
    assert levels == pytest.approx([full, full / 2, 0, full / 4, full], rel=1e-3)
    assert levels[2] == 0


def test_closing_ends_everything_and_can_be_repeated(stage: Stage) -> None:
    seen = stage.play("closeInMidAnswer")
    (heard, waiting), after = seen["cuts"]
    assert seen["lastPlayedMs"] >= 100
    assert heard["heardMs"] == math.floor(max(0, seen["lastPlayedMs"] - seen["latencyMs"]))
    assert (waiting["itemId"], waiting["heardMs"], after) == ("b", 0, [])
    assert seen["said"] == seen["afterClose"]


def test_a_speaker_that_is_not_open_plays_nothing(stage: Stage) -> None:
    assert stage.play("useBeforeOpen")["cuts"] == []


def test_opening_can_be_tried_again(stage: Stage) -> None:
    assert stage.play("openAgainAfterLoss") == {"first": "lost", "second": "open"}
