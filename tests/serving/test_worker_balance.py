"""The workers' numbers of connections in shared memory, as each of them sees it."""

import os
from collections.abc import Iterator

import pytest

from backend.serving.worker_balance import WorkerBalance, note_all_absent
from backend.serving.worker_memory import make_memory

COUNT = 3


@pytest.fixture
def memory() -> Iterator[int]:
    made = make_memory(COUNT)
    note_all_absent(made, COUNT)
    yield made
    os.close(made)


@pytest.fixture
def workers(memory: int) -> list[WorkerBalance]:
    """All of them have started, without a connection."""
    made = [WorkerBalance(memory, number + 1, COUNT) for number in range(COUNT)]
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


def test_the_only_worker_that_has_started_takes_everything(memory: int) -> None:
    only = WorkerBalance(memory, 2, COUNT)
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


def test_nothing_is_left_to_a_worker_that_died(workers: list[WorkerBalance], memory: int) -> None:
    for each in workers[1:]:
        each.publish(5)
    WorkerBalance(memory, 1, COUNT).leave()
    assert ahead(workers)[1:] == [False, False]
