"""When a worker's event loop counts as hung."""

import os
from collections.abc import Iterator

import pytest

from backend.serving.shutdown import ShutdownTimeouts
from backend.serving.supervisor import KILL_AFTER_S
from backend.serving.worker_beats import HUNG_LOOKS, LOOK_S, HangDetector, WorkerBeats
from backend.serving.worker_memory import Row, make_memory, numbers


@pytest.fixture
def memory() -> Iterator[int]:
    made = make_memory(2)
    yield made
    os.close(made)


def verdicts(detector: HangDetector, *beats: int) -> list[bool]:
    return [detector.is_hung(each) for each in beats]


def test_the_supervisor_sees_each_workers_own_beats(memory: int) -> None:
    first, second = (WorkerBeats(memory, number, 2) for number in (1, 2))
    for _ in range(3):
        first.beat()
    second.beat()
    assert [WorkerBeats(memory, number, 2).count() for number in (1, 2)] == [3, 1]


def test_the_count_begins_anew_where_the_number_ends(memory: int) -> None:
    numbers(memory, 2, Row.BEATS)[0] = 2**31 - 1
    beats = WorkerBeats(memory, 1, 2)
    beats.beat()
    assert beats.count() == 0


def test_a_loop_that_beats_no_more_hangs_after_a_minute_of_looks() -> None:
    detector = HangDetector(7)
    assert not any(verdicts(detector, 7, 8, 13))
    assert verdicts(detector, *[13] * HUNG_LOOKS) == [False] * (HUNG_LOOKS - 1) + [True]
    assert HUNG_LOOKS * LOOK_S == 60


def test_one_beat_in_between_is_enough() -> None:
    detector = HangDetector(0)
    for beats in range(1, 5):
        assert not any(verdicts(detector, *[beats] * HUNG_LOOKS))


def test_a_worker_that_starts_does_not_hang() -> None:
    assert not any(verdicts(HangDetector(5), *[5] * 100))


def test_the_longest_shutdown_is_shorter() -> None:
    assert ShutdownTimeouts().total_s + KILL_AFTER_S < HUNG_LOOKS * LOOK_S
