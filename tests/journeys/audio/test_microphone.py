"""The microphone in real Chromium, which plays it a sentence."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.audio.equipment import (
    WIRE_RATE,
    Samples,
    chromium,
    correlation_at_best_fit,
    microphone_playing,
    page_of,
    pcm_from,
    play_scene,
    write_wav,
)

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def listening(sentence: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone says the sentence once."""
    quiet = np.zeros(WIRE_RATE // 2)
    sound = np.concatenate([quiet, sentence, quiet, quiet])
    wav = write_wav(tmp_path_factory.mktemp("wav") / "sentence.wav", sound, WIRE_RATE)
    with chromium(*microphone_playing(wav)) as browser:
        yield browser


@pytest.fixture
def page(listening: Browser, site: str) -> Iterator[Page]:
    with page_of(listening, site) as fresh:
        yield fresh


def test_the_sentence_arrives_as_it_was_spoken(page: Page, sentence: Samples) -> None:
    seen = play_scene(page, "hear", chunks=int(len(sentence) / 960) + 30)
    correlation = correlation_at_best_fit(pcm_from(seen["pcm"]), sentence)
    print(correlation, seen["sampleRate"])
    assert correlation > 0.99
    assert seen["seqs"] == list(range(len(seen["seqs"])))
