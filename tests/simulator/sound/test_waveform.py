"""Arithmetic on speech."""

import numpy as np
import pytest

from backend.simulator.sound.waveform import (
    LEVEL_DBFS,
    PEAK_DBFS,
    RATE,
    Floats,
    floats_of,
    frame_levels,
    levelled,
    pcm_of,
    resample,
    trimmed,
)
from tests.simulator.equipment import silence, speech


@pytest.mark.parametrize("hertz", [200, 1_000, 4_000, 8_000])
def test_resampling_leaves_a_tone_as_it_was(hertz: int) -> None:
    def tone(rate: int, count: int) -> Floats:
        time = np.arange(count) / rate
        return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)

    made = resample(tone(22_050, 22_050), 22_050)
    assert len(made) == RATE
    error = (made - tone(RATE, RATE))[500:-500]
    assert 20 * np.log10(0.35 / np.sqrt((error**2).mean())) > 80


def test_a_sound_at_the_right_rate_is_left_alone() -> None:
    sound = floats_of(speech(100))
    assert resample(sound, RATE) is sound


def test_quiet_and_loud_speech_come_out_alike_and_nothing_clips() -> None:
    for level in (0.01, 0.9):
        made = levelled(floats_of(speech(1_000, level)))
        levels = frame_levels(made)
        loud = levels[levels > levels.max() * 0.1]
        assert 20 * np.log10(np.sqrt((loud**2).mean())) == pytest.approx(LEVEL_DBFS, abs=0.1)
        assert np.abs(made).max() <= 10 ** (PEAK_DBFS / 20) + 1e-6


def test_silence_at_the_ends_is_cut_to_a_breath() -> None:
    sound = floats_of(silence(700) + speech(500) + silence(700))
    assert 500 <= len(trimmed(sound)) * 1_000 / RATE <= 640
    assert len(trimmed(floats_of(silence(300)))) == 0


def test_levelling_silence_is_harmless() -> None:
    assert not levelled(floats_of(silence(100))).any()


def test_samples_survive_the_way_there_and_back() -> None:
    pcm = speech(50)
    assert np.abs(floats_of(pcm_of(floats_of(pcm))) - floats_of(pcm)).max() < 2 / 32_768
