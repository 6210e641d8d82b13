"""The microphone hears the loudspeaker, or somebody else, or nothing."""

import math
import random
from collections.abc import Sequence

import pytest

from backend.cli.echo import EchoDetector

STEPS = 300


def voice(seed: int, steps: int = STEPS) -> list[float]:
    """Levels like speech: syllables of 120 to 320 ms, words and pauses."""
    chance = random.Random(seed)
    levels: list[float] = []
    while len(levels) < steps:
        length, peak = chance.randint(3, 8), chance.uniform(0.05, 0.25)
        levels += [peak * math.sin(math.pi * (at + 0.5) / length) for at in range(length)]
        levels += [0.0] * (chance.randint(4, 15) if chance.random() < 0.3 else 1)
    return levels[:steps]


def detects(played: Sequence[float], heard: Sequence[float]) -> bool:
    assert len(played) == len(heard)
    detector = EchoDetector()
    return any(map(detector.add, played, heard))


def room(levels: Sequence[float], *, delay: int, gain: float, seed: int = 9) -> list[float]:
    """What a microphone hears of it: later, quieter, with reverberation and noise."""
    chance = random.Random(seed)
    tail, heard = 0.0, []
    for level in [0.0] * delay + list(levels[: len(levels) - delay]):
        tail = max(level * gain, tail * 0.5)
        heard.append(math.hypot(tail, chance.uniform(0.001, 0.003)))
    return heard


@pytest.mark.parametrize("delay", [0, 3, 8, 15])
@pytest.mark.parametrize("gain", [0.1, 0.8])
def test_an_echo_is_found(delay: int, gain: float) -> None:
    played = voice(1)
    assert detects(played, room(played, delay=delay, gain=gain))


@pytest.mark.parametrize("seed", range(20))
def test_somebody_who_speaks_at_the_same_time_is_no_echo(seed: int) -> None:
    assert not detects(voice(seed), voice(seed + 100))


def test_headphones_and_a_quiet_loudspeaker_make_no_echo() -> None:
    noise = random.Random(3)
    quiet = [noise.uniform(0.0005, 0.002) for _ in range(STEPS)]
    assert not detects(voice(1), quiet)
    assert not detects([0.0] * STEPS, voice(1))
    assert not detects(voice(1), [0.0] * STEPS)


def test_a_short_answer_is_too_little_to_tell() -> None:
    played = [*voice(1, 20), *[0.0] * (STEPS - 20)]
    assert not detects(played, room(played, delay=3, gain=0.5))
