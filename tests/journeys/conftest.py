"""The servers that journeys share."""

from collections.abc import Iterator

import pytest

from tests.journeys.stack import Stack, running_stack

SERVERS = ("uvicorn", "daphne")


@pytest.fixture(scope="module", params=SERVERS)
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A running stack, once with each server; the provider answers as fast as it can."""
    folder = tmp_path_factory.mktemp(f"stack-{request.param}")
    with running_stack(folder, server=request.param, simulator=("--pace", "0")) as running:
        yield running


@pytest.fixture(scope="module", params=SERVERS)
def leisurely_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The provider speaks at 1.5 times real time, so that there is a mid-reply to interrupt."""
    folder = tmp_path_factory.mktemp(f"leisurely-{request.param}")
    with running_stack(folder, server=request.param, simulator=("--pace", "1.5")) as running:
        yield running
