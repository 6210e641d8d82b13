"""The microphone in real Chromium, which plays it a sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright

from tests.journeys.audio.equipment import (
    WIRE_RATE,
    Samples,
    Stage,
    chromium,
    likeness,
    microphone_playing,
    pcm_from,
    stage_in,
    write_wav,
)

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]


@pytest.fixture(scope="module")
def listening(
    playwright: Playwright, sentence: Samples, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser whose microphone says the sentence once, whenever it is opened; on a busy machine
    it takes a while until it is heard."""
    pause = np.zeros(WIRE_RATE)
    sound = np.concatenate([pause, sentence, pause])
    wav = write_wav(tmp_path_factory.mktemp("wav") / "sentence.wav", sound, WIRE_RATE)
    with chromium(playwright, *microphone_playing(wav)) as browser:
        yield browser


@pytest.fixture(scope="module")
def stage(listening: Browser, site: str) -> Iterator[Stage]:
    with stage_in(listening, site) as stage:
        yield stage


@pytest.fixture(scope="module")
def sentence_seen(stage: Stage, sentence: Samples) -> dict[str, Any]:
    """What came of the whole sentence."""
    return stage.play("hear", chunks=len(sentence) // 960 + 30)


def test_the_sentence_arrives_as_it_was_spoken(
    sentence_seen: dict[str, Any], sentence: Samples
) -> None:
    seen = sentence_seen
    heard = pcm_from(seen["pcm"])
    arrived = likeness(heard, sentence)
    assert arrived.share_that_came > 0.9
    assert arrived.typical > 0.99
    assert arrived.is_without_loss
    assert np.sqrt(np.mean(heard**2)) > 0.02
    assert [chunk["seq"] for chunk in seen["chunks"]] == list(range(len(seen["chunks"])))
    assert {chunk["samples"] for chunk in seen["chunks"]} == {960}
    assert (seen["problems"], seen["allowed"]) == ([], [{"streams": 1, "chunks": 0}])


def test_each_chunk_carries_its_own_level(sentence_seen: dict[str, Any]) -> None:
    seen = sentence_seen
    chunks = pcm_from(seen["pcm"]).reshape(-1, 960)
    assert [chunk["rms"] for chunk in seen["chunks"]] == pytest.approx(
        np.sqrt((chunks**2).mean(axis=1))
    )


def test_it_is_heard_with_the_browsers_processing_on(stage: Stage) -> None:
    seen = stage.play("hear", chunks=50, settings={})
    assert max(chunk["rms"] for chunk in seen["chunks"]) > 0.01


def test_mute_sends_exact_zeros_and_keeps_the_clock(stage: Stage) -> None:
    seen = stage.play("mute")
    chunks = seen["chunks"]
    # A chunk may be on its way, and one is half spoken, when the button is pressed.
    muted = chunks[seen["mutedFrom"] + 2 : seen["unmutedFrom"]]
    assert len(muted) >= 13
    assert all(chunk["zeros"] == 960 and chunk["rms"] == 0 for chunk in muted)
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))


def test_nothing_is_sent_between_presses(stage: Stage) -> None:
    seen = stage.play("pushToTalk", tailMs=400)
    chunks = seen["chunks"]
    assert seen["beforePress"] == 0
    assert seen["atRelease"] == seen["beforeSecondPress"] < len(chunks)
    tail = chunks[seen["atRelease"] - 10 : seen["atRelease"]]
    assert [chunk["zeros"] for chunk in tail] == [960] * 10
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))


def test_stop_ends_the_tracks_and_start_opens_them_again(stage: Stage) -> None:
    seen = stage.play("startAndStopTwice")
    assert seen["opened"] == [True, True]
    assert seen["afterStop"]["streams"] == 1
    assert seen["afterStop"]["live"] == 0
    assert seen["later"] == seen["afterStop"]["chunks"]
    assert seen["whileOpen"] == {"deviceId": "default", "live": 1}
    assert seen["liveTracks"] == 0
    assert "deviceId" not in seen or seen["deviceId"] is None
    assert [chunk["seq"] for chunk in seen["chunks"]] == list(range(len(seen["chunks"])))


def test_a_stop_while_the_person_is_asked_leaves_no_track_open(stage: Stage) -> None:
    seen = stage.play("stopWhileAsking")
    assert seen["allowed"] == []
    assert seen["opened"] is False
    assert seen["streams"] == 1
    assert seen["liveTracks"] == 0


def test_a_lost_device_is_replaced_by_the_default_one(stage: Stage) -> None:
    seen = stage.play("loseDevice", isAnotherThere=True)
    assert seen["problems"] == ["stopped", "recovered"]
    assert seen["streams"] == 2
    assert seen["liveTracks"] == 0
    assert [chunk["seq"] for chunk in seen["chunks"]] == list(range(len(seen["chunks"])))


def test_a_lost_device_without_another_is_told_once_and_can_be_tried_again(stage: Stage) -> None:
    seen = stage.play("loseDevice", isAnotherThere=False)
    assert seen["problems"] == ["stopped", "recovered"]
    assert seen["streams"] == 2
    assert seen["liveTracks"] == 0
    assert [chunk["seq"] for chunk in seen["chunks"]] == list(range(len(seen["chunks"])))


def test_a_context_put_to_sleep_is_told_and_woken(stage: Stage) -> None:
    seen = stage.play("sleepAndWake")
    assert seen["problems"] == ["stopped", "recovered"]
    assert seen["streams"] == 1


def test_a_busy_page_is_not_taken_for_a_dead_microphone(stage: Stage) -> None:
    seen = stage.play("blockPage", ms=1300)
    assert seen["problems"] == []
    assert [chunk["seq"] for chunk in seen["chunks"]] == list(range(len(seen["chunks"])))


def test_a_microphone_can_be_chosen_and_an_unplugged_choice_is_forgiven(stage: Stage) -> None:
    seen = stage.play("choose")
    assert "Fake Audio Input 2" in {microphone["label"] for microphone in seen["listed"]}
    assert seen["used"] == seen["chosen"] != "default"
    assert seen["usedInstead"] == "default"


def test_plugging_in_and_out_is_told_until_one_looks_away(stage: Stage) -> None:
    assert len(stage.play("watchPlugs")["seen"]) == 1


def test_a_worklet_that_cannot_be_fetched_leaves_no_track_open(stage: Stage) -> None:
    seen = stage.play("loseNetworkWhileStarting")
    assert seen == {"kind": "failed", "streams": 1, "liveTracks": 0}


def test_a_denied_microphone_is_told(listening: Browser, site: str) -> None:
    with stage_in(listening, site, permissions=()) as stage:
        assert stage.play("failToStart")["kind"] == "denied"


def test_a_missing_microphone_and_an_insecure_page_are_told(
    playwright: Playwright, site: str
) -> None:
    elsewhere = f"http://kaiwa.test:{urlsplit(site).port}{urlsplit(site).path}"
    with chromium(playwright, "--host-resolver-rules=MAP kaiwa.test 127.0.0.1") as browser:
        for address, kind in ((site, "missing"), (elsewhere, "insecure")):
            with stage_in(browser, address) as stage:
                seen = stage.play("failToStart")
                assert seen == {"kind": kind, "isMicrophoneError": True, "liveTracks": 0}


def test_a_silent_microphone_is_told_and_its_return_too(
    playwright: Playwright, site: str, tmp_path: Path
) -> None:
    late = np.concatenate([np.zeros(int(3.4 * WIRE_RATE)), 0.3 * np.sin(np.arange(WIRE_RATE) / 10)])
    wav = write_wav(tmp_path / "late.wav", late, WIRE_RATE)

    with (
        chromium(playwright, *microphone_playing(wav)) as browser,
        stage_in(browser, site) as stage,
    ):
        seen = stage.play("hearNothingThenSomething")
        assert seen["problems"] == ["silent", "recovered"]
        assert 74 <= sum(chunk["zeros"] == 960 for chunk in seen["chunks"]) <= 95
