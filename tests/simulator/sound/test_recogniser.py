"""The real recogniser, with speech of the real synthesiser."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from backend.simulator.engine.effects import Language
from backend.simulator.engine.voice_activity import VoiceActivityDetector
from backend.simulator.persona.script import LINES, PHRASES
from backend.simulator.sound.recogniser import (
    MAX_DISTANCE,
    MAX_DISTANCE_IF_CLEAR,
    MIN_LEAD,
    NullRecogniser,
    PhraseRecogniser,
    best_phrase,
)
from backend.simulator.sound.synthesiser import EspeakSynthesiser, SynthesisFailed, ToneSynthesiser
from backend.simulator.sound.waveform import from_pcm16, to_pcm16
from tests.simulator.equipment import noise, silence, speech

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
LANGUAGES: tuple[Language, ...] = ("en", "ja")


class BrokenSynthesiser(ToneSynthesiser):
    """A synthesiser that always fails."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """Raise SynthesisFailed."""
        raise SynthesisFailed


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def voice() -> AsyncIterator[EspeakSynthesiser]:
    made = EspeakSynthesiser()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def recogniser(voice: EspeakSynthesiser) -> AsyncIterator[PhraseRecogniser]:
    made = PhraseRecogniser(voice, PHRASES)
    yield made
    await made.close()


def in_a_room(pcm: bytes, level: float) -> bytes:
    """Speech between silences, with steady noise over all of it."""
    sound = from_pcm16(silence(800) + pcm + silence(900))
    hiss = from_pcm16(noise(len(sound) // 24 + 1, level))[: len(sound)]
    return to_pcm16(np.clip(sound + hiss, -1, 1))


def spoken_part(pcm: bytes) -> bytes:
    """The speech that voice activity detection finds, with 300 ms before it."""
    detector = VoiceActivityDetector(0.5, 500)
    started, stopped = detector.feed(pcm)
    return pcm[max(started.at_ms - 300, 0) * 48 : stopped.at_ms * 48]


@pytest.mark.parametrize(
    ("timbre", "level"), [("marin", 0.0), ("verse", 0.002), ("shimmer", 0.002)]
)
async def test_it_recognises_every_suggested_sentence(
    recogniser: PhraseRecogniser, voice: EspeakSynthesiser, timbre: str, level: float
) -> None:
    for language in LANGUAGES:
        for phrase in PHRASES[language]:
            pcm = await voice.speak(phrase.reading, language, timbre)
            assert await recogniser.recognise(spoken_part(in_a_room(pcm, level))) == phrase.caption


async def test_other_sentences_are_not_recognised(
    recogniser: PhraseRecogniser, voice: EspeakSynthesiser
) -> None:
    heard = [
        await recogniser.recognise(await voice.speak(line.reading, language, "marin"))
        for language in LANGUAGES
        for lines in LINES[language].values()
        for line in lines[:1]
    ]
    assert heard == [None] * len(heard)


async def test_noise_a_buzz_and_silence_are_not_recognised(recogniser: PhraseRecogniser) -> None:
    for pcm in (noise(2_000), speech(2_000), silence(2_000), b""):
        assert await recogniser.recognise(pcm) is None


async def test_the_same_audio_is_matched_once_for_all_calls(
    recogniser: PhraseRecogniser, voice: EspeakSynthesiser
) -> None:
    pcm = await voice.speak(PHRASES["en"][1].reading, "en", "sage")
    known = len(recogniser._results)
    found = await asyncio.gather(*(recogniser.recognise(pcm) for _ in range(50)))
    assert set(found) == {PHRASES["en"][1].caption}
    assert len(recogniser._results) == known + 1


async def test_without_synthesis_nothing_is_recognised() -> None:
    recogniser = PhraseRecogniser(BrokenSynthesiser(), PHRASES)
    assert await recogniser.recognise(speech(1_000)) is None
    await recogniser.close()


async def test_the_null_recogniser_recognises_nothing() -> None:
    null = NullRecogniser()
    null.prepare()
    assert await null.recognise(speech(500)) is None
    await null.close()


async def test_the_best_phrase_is_near_or_clearly_nearer_than_the_second() -> None:
    near, middle, far = (
        MAX_DISTANCE - 0.01,
        (MAX_DISTANCE + MAX_DISTANCE_IF_CLEAR) / 2,
        MAX_DISTANCE_IF_CLEAR + 0.01,
    )
    assert best_phrase([]) is None
    assert best_phrase([(near, "a"), (near, "b")]) == "a"
    assert best_phrase([(middle, "a"), (middle, "a"), (middle * MIN_LEAD * 1.01, "b")]) == "a"
    assert best_phrase([(middle, "a"), (middle * 1.05, "b")]) is None
    assert best_phrase([(middle, "a")]) is None
    assert best_phrase([(far, "a"), (far * 2, "b")]) is None
