"""Signal processing of speech."""

import numpy as np
import pytest

from backend.simulator.sound.waveform import (
    LEVEL_DBFS,
    PEAK_DBFS,
    RATE,
    Floats,
    frame_levels,
    from_pcm16,
    levelled,
    resample,
    to_pcm16,
    trimmed,
)
from tests.simulator.equipment import silence, speech


@pytest.mark.parametrize("hertz", [200, 1_000, 4_000, 8_000])
def test_resampling_keeps_the_frequency_of_a_tone(hertz: int) -> None:
    def tone(rate: int, count: int) -> Floats:
        time = np.arange(count) / rate
        return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)

    made = resample(tone(22_050, 22_050), 22_050)
    assert len(made) == RATE
    error = (made - tone(RATE, RATE))[500:-500]
    assert 20 * np.log10(0.35 / np.sqrt((error**2).mean())) > 80


def test_a_sound_at_the_target_rate_is_not_changed() -> None:
    sound = from_pcm16(speech(100))
    assert resample(sound, RATE) is sound


def test_levelling_equals_quiet_and_loud_speech_without_clipping() -> None:
    for level in (0.01, 0.9):
        made = levelled(from_pcm16(speech(1_000, level)))
        levels = frame_levels(made)
        loud = levels[levels > levels.max() * 0.1]
        assert 20 * np.log10(np.sqrt((loud**2).mean())) == pytest.approx(LEVEL_DBFS, abs=0.1)
        assert np.abs(made).max() <= 10 ** (PEAK_DBFS / 20) + 1e-6


def test_trimming_keeps_a_little_silence_at_the_ends() -> None:
    sound = from_pcm16(silence(700) + speech(500) + silence(700))
    assert 500 <= len(trimmed(sound)) * 1_000 / RATE <= 640
    assert len(trimmed(from_pcm16(silence(300)))) == 0


def test_levelling_silence_returns_silence() -> None:
    assert not levelled(from_pcm16(silence(100))).any()


def test_pcm16_survives_a_round_trip() -> None:
    pcm = speech(50)
    assert np.abs(from_pcm16(to_pcm16(from_pcm16(pcm))) - from_pcm16(pcm)).max() < 2 / 32_768
