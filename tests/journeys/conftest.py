"""Running stacks that the journeys share."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.full_stack import FullStack, running_full_stack
from tests.journeys.person import Person
from tests.journeys.stack import Stack, running_stack

SERVERS = ("uvicorn", "daphne")


@pytest.fixture(scope="session", params=SERVERS)
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A running stack with each server; the simulator answers as fast as it can."""
    folder = tmp_path_factory.mktemp(f"stack-{request.param}")
    with running_stack(folder, server=request.param, simulator=("--pace", "0")) as running:
        yield running


@pytest.fixture(scope="session")
def person(stack: Stack) -> Person:
    """A user of the stack, for tests of which each makes its own session.

    The real hash of a password takes half of the time of a short test.
    """
    return asyncio.run(Person.register(stack))


@pytest.fixture(scope="session", params=SERVERS)
def realtime_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The simulator sends audio at 1.5 times real time, so that a test can interrupt a reply."""
    folder = tmp_path_factory.mktemp(f"realtime-{request.param}")
    with running_stack(folder, server=request.param, simulator=("--pace", "1.5")) as running:
        yield running


@pytest.fixture(scope="session")
def full_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullStack]:
    """One stack behind nginx for all tests with the marker `stack`.

    Audio comes at twice real time, so that a test can stop a replica in the middle of an answer.
    """
    folder = tmp_path_factory.mktemp("full-stack")
    with running_full_stack(folder, simulator=("--pace", "2")) as running:
        yield running
