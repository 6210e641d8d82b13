"""The servers and the browsers that the page's journeys share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.journeys.audio.equipment import chromium, microphone_playing
from tests.journeys.page.sounds import monologue
from tests.journeys.page.visitor import running_page_stack
from tests.journeys.stack import Stack

QUESTION = "How do you handle your orders at the moment?"
"""Its answer lasts seven seconds or more: time to cut in."""
SECOND_QUESTION = "How many people work on the orders?"
"""Its answer lasts four seconds: time to leave it, and soon heard out."""

_FIGURES = pytest.StashKey[dict[str, str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> dict[str, str]:
    """What was measured, by name; the run ends with a list of it."""
    return request.config.stash.setdefault(_FIGURES, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell the figures."""
    for name, figure in sorted(config.stash.get(_FIGURES, {}).items()):
        terminalreporter.write_line(f"{name}: {figure}")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One at a time, and only in this folder: its event loop is in the way of other tests'."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The server and the simulator, for all journeys of the page."""
    folder = tmp_path_factory.mktemp("page-stack")
    with running_page_stack(folder) as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone asks one question, whenever it is opened, and then listens."""
    wav = monologue(tmp_path_factory.mktemp("microphone") / "question.wav", SECOND_QUESTION)
    with chromium(playwright, *microphone_playing(wav)) as running:
        yield running
