"""The site and the sounds that the audio tests share."""

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
    """One at a time, and only in this folder: its event loop is in the way of other tests'."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the page."""
    with running_site() as address:
        yield address


@pytest.fixture(scope="session")
def sentence() -> Samples:
    """A spoken sentence at 24 kHz. A thread of its own, since Playwright's loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        pcm = thread.submit(asyncio.run, _spoken(SENTENCE)).result()
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32_768


async def _spoken(text: str) -> bytes:
    voice = EspeakSynthesiser()
    try:
        return await voice.speak(text, "en", "marin")
    finally:
        await voice.close()
