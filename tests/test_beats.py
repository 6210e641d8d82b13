"""Periodic work of one process wakes it together."""

import asyncio

import pytest

from backend.beats import next_beat_s, sleep_to_beat


@pytest.mark.parametrize(
    ("now_s", "every_s", "expected_s"),
    [
        (100.0, 1.0, 101.0),
        (100.4, 1.0, 101.0),
        (100.5, 1.0, 101.0),
        (100.8, 1.0, 101.0),
        # A timer that came a little early is not followed by one at once.
        (100.999, 1.0, 102.0),
        (100.0, 0.25, 100.25),
        (100.3, 0.5, 100.5),
        (0.0, 0.5, 0.5),
    ],
)
def test_the_next_beat_is_a_multiple_and_not_at_once(
    now_s: float, every_s: float, expected_s: float
) -> None:
    assert next_beat_s(now_s, every_s) == expected_s


async def test_sleepers_of_several_periods_wake_at_the_same_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s, wakes_s = [0.0], list[float]()

    async def sleep(seconds: float) -> None:
        wakes_s.append(now_s[0] + seconds)

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        patch.setattr(asyncio.get_running_loop(), "time", lambda: now_s[0])
        for now_s[0] in (7.0, 7.12):
            for every_s in (0.5, 0.25):
                await sleep_to_beat(every_s)
    assert wakes_s == [7.5, 7.25, 7.5, 7.25]
