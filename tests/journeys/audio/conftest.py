"""The site and the speech that the audio tests share."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from playwright.sync_api import Playwright, sync_playwright

from backend.simulator.sound.synthesiser import EspeakSynthesiser
from tests.journeys.audio.equipment import Samples, running_site

SENTENCE = "Good morning. May I ask how you plan your production today?"


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One Playwright, only in this folder: its event loop conflicts with those of other tests."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The URL of the test page."""
    with running_site() as url:
        yield url


@pytest.fixture(scope="session")
def sentence() -> Samples:
    """A spoken sentence at 24 kHz.

    Synthesised in a thread of its own, since Playwright's event loop may be running in this one.
    """
    with ThreadPoolExecutor(1) as thread:
        pcm = thread.submit(asyncio.run, _spoken(SENTENCE)).result()
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32_768


async def _spoken(text: str) -> bytes:
    voice = EspeakSynthesiser()
    try:
        return await voice.speak(text, "en", "marin")
    finally:
        await voice.close()
