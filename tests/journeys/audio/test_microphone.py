"""`audio/microphone.js` in real Chromium with a fake microphone that plays a sentence."""

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
    ScenarioPage,
    chromium,
    microphone_playing,
    pcm_from,
    scenario_page,
    similarity,
    write_wav,
)

pytestmark = [pytest.mark.page, pytest.mark.realtime_audio]


@pytest.fixture(scope="module")
def speaking_browser(
    playwright: Playwright, sentence: Samples, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser whose microphone plays the sentence once each time it is opened.

    On a busy machine the first samples take a while to arrive.
    """
    pause = np.zeros(WIRE_RATE)
    sound = np.concatenate([pause, sentence, pause])
    wav = write_wav(tmp_path_factory.mktemp("wav") / "sentence.wav", sound, WIRE_RATE)
    with chromium(playwright, *microphone_playing(wav)) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(speaking_browser: Browser, site: str) -> Iterator[ScenarioPage]:
    with scenario_page(speaking_browser, site) as page:
        yield page


@pytest.fixture(scope="module")
def sentence_report(page: ScenarioPage, sentence: Samples) -> dict[str, Any]:
    """The report of recording the whole sentence."""
    return page.run("record", chunks=len(sentence) // 960 + 30)


def test_the_sentence_arrives_as_it_was_spoken(
    sentence_report: dict[str, Any], sentence: Samples
) -> None:
    report = sentence_report
    recording = pcm_from(report["pcm"])
    result = similarity(recording, sentence)
    assert result.share_received > 0.9
    assert result.median_correlation > 0.99
    assert result.has_no_loss
    assert np.sqrt(np.mean(recording**2)) > 0.02
    assert [chunk["seq"] for chunk in report["chunks"]] == list(range(len(report["chunks"])))
    assert {chunk["samples"] for chunk in report["chunks"]} == {960}
    assert (report["problems"], report["allowed"]) == ([], [{"streams": 1, "chunks": 0}])


def test_each_chunk_carries_its_own_level(sentence_report: dict[str, Any]) -> None:
    report = sentence_report
    chunks = pcm_from(report["pcm"]).reshape(-1, 960)
    assert [chunk["rms"] for chunk in report["chunks"]] == pytest.approx(
        np.sqrt((chunks**2).mean(axis=1))
    )


def test_speech_arrives_with_the_browsers_processing_on(page: ScenarioPage) -> None:
    report = page.run("record", chunks=50, settings={})
    assert max(chunk["rms"] for chunk in report["chunks"]) > 0.01


def test_mute_sends_exact_zeros_and_keeps_the_clock(page: ScenarioPage) -> None:
    report = page.run("mute")
    chunks = report["chunks"]
    # When the button is pressed, one chunk may be in flight and another is half filled.
    muted = chunks[report["mutedFrom"] + 2 : report["unmutedFrom"]]
    assert len(muted) >= 13
    assert all(chunk["zeros"] == 960 and chunk["rms"] == 0 for chunk in muted)
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))


def test_push_to_talk_sends_nothing_between_presses(page: ScenarioPage) -> None:
    report = page.run("pushToTalk", tailMs=400)
    chunks = report["chunks"]
    assert report["beforePress"] == 0
    assert report["atRelease"] == report["beforeSecondPress"] < len(chunks)
    tail = chunks[report["atRelease"] - 10 : report["atRelease"]]
    assert [chunk["zeros"] for chunk in tail] == [960] * 10
    assert [chunk["seq"] for chunk in chunks] == list(range(len(chunks)))


def test_stop_ends_the_tracks_and_start_opens_them_again(page: ScenarioPage) -> None:
    report = page.run("startAndStopTwice")
    assert report["opened"] == [True, True]
    assert report["afterStop"]["streams"] == 1
    assert report["afterStop"]["live"] == 0
    assert report["later"] == report["afterStop"]["chunks"]
    assert report["whileOpen"] == {"deviceId": "default", "live": 1}
    assert report["liveTracks"] == 0
    assert "deviceId" not in report or report["deviceId"] is None
    assert [chunk["seq"] for chunk in report["chunks"]] == list(range(len(report["chunks"])))


def test_a_stop_while_permission_is_pending_leaves_no_track_open(page: ScenarioPage) -> None:
    report = page.run("stopWhilePermissionIsPending")
    assert report["allowed"] == []
    assert report["opened"] is False
    assert report["streams"] == 1
    assert report["liveTracks"] == 0


def test_a_lost_device_is_replaced_by_the_default_one(page: ScenarioPage) -> None:
    report = page.run("loseDevice", isAnotherThere=True)
    assert report["problems"] == ["stopped", "recovered"]
    assert report["streams"] == 2
    assert report["liveTracks"] == 0
    assert [chunk["seq"] for chunk in report["chunks"]] == list(range(len(report["chunks"])))


def test_a_lost_device_without_another_is_reported_once_and_can_be_retried(
    page: ScenarioPage,
) -> None:
    report = page.run("loseDevice", isAnotherThere=False)
    assert report["problems"] == ["stopped", "recovered"]
    assert report["streams"] == 2
    assert report["liveTracks"] == 0
    assert [chunk["seq"] for chunk in report["chunks"]] == list(range(len(report["chunks"])))


def test_a_suspended_context_is_no_fault_of_the_microphone_and_resumed(page: ScenarioPage) -> None:
    report = page.run("suspendAndRecover")
    assert report["problems"] == ["sound_blocked", "sound_allowed"]
    assert report["streams"] == 1


def test_a_blocked_page_is_not_reported_as_a_stopped_microphone(page: ScenarioPage) -> None:
    report = page.run("blockPage", ms=1300)
    assert report["problems"] == []
    assert [chunk["seq"] for chunk in report["chunks"]] == list(range(len(report["chunks"])))


def test_a_chosen_microphone_is_used_and_a_missing_one_is_replaced(
    page: ScenarioPage,
) -> None:
    report = page.run("chooseMicrophone")
    assert "Fake Audio Input 2" in {microphone["label"] for microphone in report["listed"]}
    assert report["used"] == report["chosen"] != "default"
    assert report["usedInstead"] == "default"


def test_device_changes_are_reported_until_the_signal_aborts(page: ScenarioPage) -> None:
    assert len(page.run("watchDeviceChanges")["counts"]) == 1


def test_a_worklet_that_cannot_be_fetched_leaves_no_track_open(page: ScenarioPage) -> None:
    report = page.run("loseNetworkWhileStarting")
    assert report == {"kind": "failed", "streams": 1, "liveTracks": 0}


def test_a_denied_microphone_is_reported(speaking_browser: Browser, site: str) -> None:
    with scenario_page(speaking_browser, site, permissions=()) as page:
        assert page.run("failToStart")["kind"] == "denied"


def test_a_missing_microphone_and_an_insecure_page_are_reported(
    playwright: Playwright, site: str
) -> None:
    insecure_url = f"http://kaiwa.test:{urlsplit(site).port}{urlsplit(site).path}"
    with chromium(playwright, "--host-resolver-rules=MAP kaiwa.test 127.0.0.1") as browser:
        for url, kind in ((site, "missing"), (insecure_url, "insecure")):
            with scenario_page(browser, url) as page:
                report = page.run("failToStart")
                assert report == {"kind": kind, "isMicrophoneError": True, "liveTracks": 0}


def test_a_silent_microphone_is_reported_and_its_recovery_too(
    playwright: Playwright, site: str, tmp_path: Path
) -> None:
    late = np.concatenate([np.zeros(int(3.4 * WIRE_RATE)), 0.3 * np.sin(np.arange(WIRE_RATE) / 10)])
    wav = write_wav(tmp_path / "late.wav", late, WIRE_RATE)

    with (
        chromium(playwright, *microphone_playing(wav)) as browser,
        scenario_page(browser, site) as page,
    ):
        report = page.run("recordSilenceThenSound")
        assert report["problems"] == ["silent", "recovered"]
        assert 74 <= sum(chunk["zeros"] == 960 for chunk in report["chunks"]) <= 95
