"""Where speech starts and stops."""

import pytest

from backend.simulator.engine.voice_activity import SpeechStarted, SpeechStopped, VoiceActivity
from tests.simulator.equipment import noise, silence, speech


def heard(pcm: bytes, chunk: int = 1_920, **settings: float) -> list[SpeechStarted | SpeechStopped]:
    activity = VoiceActivity(**settings)  # type: ignore[arg-type]  # numbers either way
    happened = []
    for start in range(0, len(pcm), chunk):
        happened += activity.feed(pcm[start : start + chunk])
    return happened


def test_it_finds_the_speech_between_two_silences() -> None:
    started, stopped = heard(silence(1_000) + speech(1_000) + silence(1_000), silence_ms=500)
    assert isinstance(started, SpeechStarted) and abs(started.at_ms - 1_000) <= 40
    assert isinstance(stopped, SpeechStopped) and abs(stopped.at_ms - 2_500) <= 100


@pytest.mark.parametrize("chunk", [2, 333, 960, 4_801, 10**7])
def test_the_size_of_the_pieces_does_not_matter(chunk: int) -> None:
    pcm = silence(500) + speech(700) + silence(900)
    assert heard(pcm, chunk) == heard(pcm)


def test_a_longer_silence_setting_joins_two_utterances() -> None:
    pcm = silence(500) + speech(700) + silence(600) + speech(700) + silence(1_500)
    assert len(heard(pcm, silence_ms=400)) == 4
    assert len(heard(pcm, silence_ms=900)) == 2


def test_a_higher_threshold_wants_louder_speech() -> None:
    faint = silence(500) + speech(800, level=0.01) + silence(800)
    assert heard(faint, threshold=0.5)
    assert not heard(faint, threshold=0.9)


def test_a_click_is_not_speech() -> None:
    assert heard(silence(500) + speech(40, level=0.9) + silence(500)) == []


def test_steady_noise_stops_counting_as_speech_after_the_window() -> None:
    started, stopped = heard(silence(2_500) + noise(6_000), silence_ms=500)
    assert stopped.at_ms - started.at_ms <= 2_700


def test_speech_is_found_over_steady_noise() -> None:
    room = noise(9_000, level=0.01)
    talk = speech(1_000)
    pcm = bytearray(room)
    pcm[5_000 * 48 : 6_000 * 48] = talk
    happened = heard(bytes(pcm), silence_ms=500)
    assert any(
        isinstance(each, SpeechStarted) and abs(each.at_ms - 5_000) <= 60 for each in happened
    )


def test_a_reset_forgets_the_speech_but_not_the_room() -> None:
    activity = VoiceActivity()
    activity.feed(silence(500) + speech(500))
    assert activity.is_speech
    activity.reset()
    assert not activity.is_speech
