"""Voice activity detection: where speech starts and stops."""

import pytest

from backend.simulator.engine.voice_activity import (
    SpeechStarted,
    SpeechStopped,
    VoiceActivityDetector,
)
from tests.simulator.equipment import noise, silence, speech


def detected(
    pcm: bytes, chunk: int = 1_920, **settings: float
) -> list[SpeechStarted | SpeechStopped]:
    detector = VoiceActivityDetector(**settings)  # type: ignore[arg-type]  # numbers either way
    changes = []
    for start in range(0, len(pcm), chunk):
        changes += detector.feed(pcm[start : start + chunk])
    return changes


def test_it_finds_the_speech_between_two_silences() -> None:
    started, stopped = detected(silence(1_000) + speech(1_000) + silence(1_000), silence_ms=500)
    assert isinstance(started, SpeechStarted) and abs(started.at_ms - 1_000) <= 40
    assert isinstance(stopped, SpeechStopped) and abs(stopped.at_ms - 2_500) <= 100


@pytest.mark.parametrize("chunk", [2, 333, 960, 4_801, 10**7])
def test_the_size_of_the_pieces_does_not_matter(chunk: int) -> None:
    pcm = silence(500) + speech(700) + silence(900)
    assert detected(pcm, chunk) == detected(pcm)


def test_a_longer_silence_setting_joins_two_utterances() -> None:
    pcm = silence(500) + speech(700) + silence(600) + speech(700) + silence(1_500)
    assert len(detected(pcm, silence_ms=400)) == 4
    assert len(detected(pcm, silence_ms=900)) == 2


def test_a_higher_threshold_wants_louder_speech() -> None:
    faint = silence(500) + speech(800, level=0.01) + silence(800)
    assert detected(faint, threshold=0.5)
    assert not detected(faint, threshold=0.9)


def test_a_click_is_not_speech() -> None:
    assert detected(silence(500) + speech(40, level=0.9) + silence(500)) == []


def test_steady_noise_stops_counting_as_speech_after_the_window() -> None:
    started, stopped = detected(silence(2_500) + noise(6_000), silence_ms=500)
    assert stopped.at_ms - started.at_ms <= 2_700


def test_speech_is_found_over_steady_noise() -> None:
    room = noise(9_000, level=0.01)
    talk = speech(1_000)
    pcm = bytearray(room)
    pcm[5_000 * 48 : 6_000 * 48] = talk
    changes = detected(bytes(pcm), silence_ms=500)
    assert any(
        isinstance(each, SpeechStarted) and abs(each.at_ms - 5_000) <= 60 for each in changes
    )


def test_a_reset_forgets_speech_in_progress() -> None:
    detector = VoiceActivityDetector()
    detector.feed(silence(500) + speech(500))
    assert detector.is_speech
    detector.reset()
    assert not detector.is_speech
