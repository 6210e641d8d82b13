"""The real ears, listening to the real voice."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from backend.simulator.activity import VoiceActivity
from backend.simulator.ears import FAR, LEAD, NEAR, Deaf, PhraseEars, choice
from backend.simulator.effects import Language
from backend.simulator.lines import LINES, PHRASES
from backend.simulator.sound import floats_of, pcm_of
from backend.simulator.voice import EspeakVoice, Tone, VoiceBroken
from tests.simulator.equipment import noise, silence, speech

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
LANGUAGES: tuple[Language, ...] = ("en", "ja")


class Hoarse(Tone):
    """A voice that cannot be started."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """Never."""
        raise VoiceBroken


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def voice() -> AsyncIterator[EspeakVoice]:
    made = EspeakVoice()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ears(voice: EspeakVoice) -> AsyncIterator[PhraseEars]:
    made = PhraseEars(voice)
    yield made
    await made.close()


def in_a_room(pcm: bytes, level: float) -> bytes:
    """Speech between silences, with steady noise over all of it."""
    sound = floats_of(silence(800) + pcm + silence(900))
    hiss = floats_of(noise(len(sound) // 24 + 1, level))[: len(sound)]
    return pcm_of(np.clip(sound + hiss, -1, 1))


def spoken_part(pcm: bytes) -> bytes:
    """What voice activity cuts out of it, with 300 ms before."""
    activity = VoiceActivity(0.5, 500)
    started, stopped = activity.feed(pcm)
    return pcm[max(started.at_ms - 300, 0) * 48 : stopped.at_ms * 48]


@pytest.mark.parametrize(
    ("timbre", "level"), [("marin", 0.0), ("verse", 0.002), ("shimmer", 0.002)]
)
async def test_it_recognises_every_suggested_sentence(
    ears: PhraseEars, voice: EspeakVoice, timbre: str, level: float
) -> None:
    for language in LANGUAGES:
        for phrase in PHRASES[language]:
            pcm = await voice.speak(phrase.reading, language, timbre)
            assert await ears.recognise(spoken_part(in_a_room(pcm, level))) == phrase.caption


async def test_it_does_not_pretend_to_understand_other_sentences(
    ears: PhraseEars, voice: EspeakVoice
) -> None:
    heard = [
        await ears.recognise(await voice.speak(line.reading, language, "marin"))
        for language in LANGUAGES
        for lines in LINES[language].values()
        for line in lines[:1]
    ]
    assert heard == [None] * len(heard)


async def test_noise_a_buzz_and_nothing_are_not_understood(ears: PhraseEars) -> None:
    for pcm in (noise(2_000), speech(2_000), silence(2_000), b""):
        assert await ears.recognise(pcm) is None


async def test_the_same_sound_is_looked_at_once_for_all_calls(
    ears: PhraseEars, voice: EspeakVoice
) -> None:
    pcm = await voice.speak(PHRASES["en"][1].reading, "en", "sage")
    known = len(ears._answers)
    found = await asyncio.gather(*(ears.recognise(pcm) for _ in range(50)))
    assert set(found) == {PHRASES["en"][1].caption}
    assert len(ears._answers) == known + 1


async def test_without_a_voice_nothing_is_understood() -> None:
    ears = PhraseEars(Hoarse())
    assert await ears.recognise(speech(1_000)) is None
    await ears.close()


async def test_the_deaf_twin_understands_nothing() -> None:
    deaf = Deaf()
    deaf.prepare()
    assert await deaf.recognise(speech(500)) is None
    await deaf.close()


async def test_the_choice_is_the_near_one_or_the_clear_one() -> None:
    near, middle, far = NEAR - 0.01, (NEAR + FAR) / 2, FAR + 0.01
    assert choice([]) is None
    assert choice([(near, "a"), (near, "b")]) == "a"
    assert choice([(middle, "a"), (middle, "a"), (middle * LEAD * 1.01, "b")]) == "a"
    assert choice([(middle, "a"), (middle * 1.05, "b")]) is None
    assert choice([(middle, "a")]) is None
    assert choice([(far, "a"), (far * 2, "b")]) is None
