"""The servers that journeys share."""

from collections.abc import Iterator

import pytest

from tests.journeys.stack import Stack, running_stack


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A running stack, once with each server. The provider speaks at 1.5 times real time, so that
    there is a middle of a reply to interrupt."""
    folder = tmp_path_factory.mktemp(f"stack-{request.param}")
    with running_stack(folder, server=request.param, simulator=("--pace", "1.5")) as running:
        yield running
