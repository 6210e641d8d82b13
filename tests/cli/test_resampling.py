"""Resampling keeps tones, removes what would be folded back, and knows no chunks."""

import math
from array import array
from collections.abc import Sequence

import pytest

from backend.cli.resampling import Resampler


def tone(hz: float, rate: int, seconds: float = 0.2) -> list[int]:
    return [
        round(10_000 * math.sin(2 * math.pi * hz * at / rate)) for at in range(int(rate * seconds))
    ]


def level(samples: Sequence[int]) -> float:
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return math.sqrt(sum(value * value for value in middle) / len(middle))


def resampled(samples: Sequence[int], from_hz: int, to_hz: int) -> list[int]:
    made = Resampler(from_hz, to_hz)
    return [*made.feed(array("h", samples)), *made.flush()]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_tone_keeps_its_length_its_level_and_its_pitch(rate: int) -> None:
    samples = resampled(tone(1000, rate), rate, 24_000)
    assert len(samples) == pytest.approx(4800, abs=30)
    assert level(samples) == pytest.approx(7071, rel=0.03)
    upward = [at for at in range(1200, 3600) if samples[at - 1] < 0 <= samples[at]]
    assert len(upward) == pytest.approx(100, abs=1)


def test_what_is_above_the_new_limit_is_removed() -> None:
    assert level(resampled(tone(18_000, 48_000), 48_000, 24_000)) < 300


def test_chunks_make_no_difference() -> None:
    samples = tone(700, 44_100, 0.05)
    made = Resampler(44_100, 24_000)
    pieces: list[int] = []
    for at in range(0, len(samples), 97):
        pieces += made.feed(array("h", samples[at : at + 97]))
    assert [*pieces, *made.flush()] == resampled(samples, 44_100, 24_000)


def test_the_same_rate_changes_nothing() -> None:
    assert resampled([1, -2, 3], 24_000, 24_000) == [1, -2, 3]


def test_the_loudest_sound_is_clipped_and_odd_rates_work() -> None:
    square = [32767] * 40 + [-32768] * 40
    assert max(resampled(square * 5, 48_000, 24_000)) == 32767
    assert resampled(tone(300, 11_127), 11_127, 24_001)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(0, 24_000)
