"""The workers' numbers of connections in shared memory, as each of them sees it."""

from pathlib import Path

import pytest

from backend.serving.worker_balance import WorkerBalance, make_balance, mark_absent

COUNT = 3


@pytest.fixture
def workers(tmp_path: Path) -> list[WorkerBalance]:
    """All of them have started, without a connection."""
    make_balance(tmp_path, COUNT)
    made = [WorkerBalance(tmp_path, number + 1, COUNT) for number in range(COUNT)]
    for each in made:
        each.publish(0)
    return made


def ahead(workers: list[WorkerBalance]) -> list[bool]:
    return [each.is_ahead() for each in workers]


def test_a_worker_is_ahead_while_another_has_fewer(workers: list[WorkerBalance]) -> None:
    assert ahead(workers) == [False, False, False]
    workers[0].publish(1)
    assert ahead(workers) == [True, False, False]
    workers[1].publish(2)
    workers[2].publish(1)
    assert ahead(workers) == [False, True, False]


def test_the_only_worker_that_has_started_takes_everything(tmp_path: Path) -> None:
    make_balance(tmp_path, COUNT)
    only = WorkerBalance(tmp_path, 2, COUNT)
    only.publish(1000)
    assert not only.is_ahead()


def test_nothing_is_left_to_a_worker_that_drains(workers: list[WorkerBalance]) -> None:
    for number, each in enumerate(workers):
        each.publish(number)
    workers[0].leave()
    # Its calls end one by one.
    workers[0].publish(0)
    assert ahead(workers) == [True, False, True]
    assert not workers[1].is_ahead()


def test_nothing_is_left_to_a_worker_that_died(
    workers: list[WorkerBalance], tmp_path: Path
) -> None:
    for each in workers[1:]:
        each.publish(5)
    mark_absent(tmp_path, 1, COUNT)
    assert ahead(workers)[1:] == [False, False]
