"""Matching of phrases by features and time warping."""

import numpy as np

from backend.simulator.sound.phrase_matching import build_bank, distances, features, speech_in
from backend.simulator.sound.waveform import Floats, from_pcm16
from tests.simulator.equipment import silence, speech


def sweep(low: float, high: float, ms: int) -> Floats:
    time = np.arange(ms * 24) / 24_000
    hertz = low + (high - low) * time / (2 * time[-1])
    made: Floats = (0.3 * np.sign(np.sin(2 * np.pi * hertz * time))).astype(np.float32)
    return made


RISING, FALLING = sweep(150, 1_500, 1_000), sweep(1_500, 150, 1_000)
BANK = build_bank([("rising", features(RISING)), ("falling", features(FALLING))])


def test_a_sound_matches_its_template_at_another_level_and_speed() -> None:
    assert distances(BANK, features(RISING))[0][1] == "rising"
    assert distances(BANK, features(RISING))[0][0] < 0.02
    assert distances(BANK, features(FALLING * np.float32(0.1)))[0][1] == "falling"
    assert distances(BANK, features(sweep(150, 1_500, 1_300)))[0][1] == "rising"


def test_templates_of_another_length_are_not_compared() -> None:
    assert distances(BANK, features(sweep(150, 1_500, 3_000))) == []


def test_a_too_short_sound_has_no_features() -> None:
    assert len(features(from_pcm16(silence(1_000)))) == 0
    assert len(features(from_pcm16(speech(60)))) == 0
    assert distances(BANK, features(np.zeros(0, np.float32))) == []


def test_the_silence_around_speech_is_removed() -> None:
    around = np.concatenate([np.zeros(24_000), RISING, np.zeros(24_000)]).astype(np.float32)
    assert abs(len(speech_in(around)) - len(RISING)) <= 24 * 40
