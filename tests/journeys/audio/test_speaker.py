"""The loudspeaker in real Chromium, with a recorder at its tap."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.audio.equipment import chromium, floats_from, page_of, play_scene

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    with page_of(browser, site) as fresh:
        yield fresh


def test_an_answer_is_heard_whole(page: Page) -> None:
    seen = play_scene(page, "hearAnswer", deltas=20, pace=5, sampleRate=24000)
    heard = floats_from(seen["heard"])
    print(len(heard[heard != 0]), seen["said"])
    assert len(heard[heard != 0]) == 48000
