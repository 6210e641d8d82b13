"""The stack and the browsers that the page tests share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.journeys.audio.equipment import chromium, microphone_playing
from tests.journeys.page.speech_files import microphone_wav
from tests.journeys.page.visitor import running_page_stack
from tests.journeys.stack import Stack

QUESTION = "How do you handle your orders at the moment?"
"""Its reply lasts seven seconds or more: time to interrupt it."""
SECOND_QUESTION = "How many people work on the orders?"
"""Its reply lasts four seconds: time to leave it, and not long to wait for its end."""
TRANSCRIBED = "(the simulator cannot listen to webm)"
"""What the simulator answers for any clip in Chromium's container."""

_MEASUREMENTS = pytest.StashKey[dict[str, str]]()


@pytest.fixture
def measurements(request: pytest.FixtureRequest) -> dict[str, str]:
    """Measured values by name, printed at the end of the run."""
    return request.config.stash.setdefault(_MEASUREMENTS, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the measurements."""
    for name, value in sorted(config.stash.get(_MEASUREMENTS, {}).items()):
        terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One Playwright, only in this folder: its event loop conflicts with those of other tests."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One server and simulator for all page tests."""
    folder = tmp_path_factory.mktemp("page-stack")
    with running_page_stack(folder) as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone plays one question each time it is opened, and then silence."""
    wav = microphone_wav(tmp_path_factory.mktemp("microphone") / "question.wav", SECOND_QUESTION)
    with chromium(playwright, *microphone_playing(wav)) as running:
        yield running
