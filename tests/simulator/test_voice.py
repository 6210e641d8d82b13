"""The real voice, in its real process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest

from backend.simulator.lines import LINES
from backend.simulator.sound import floats_of, frame_levels
from backend.simulator.voice import TIMBRES, EspeakVoice, Tone, VoiceBroken

pytestmark = pytest.mark.slow


@pytest.fixture
async def voice() -> AsyncIterator[EspeakVoice]:
    made = EspeakVoice()
    yield made
    await made.close()


def child_of(voice: EspeakVoice) -> int:
    assert voice._child is not None
    return voice._child.pid


async def test_every_voice_speaks_both_languages_evenly_loud(voice: EspeakVoice) -> None:
    for name in TIMBRES:
        for language in ("en", "ja"):
            line = LINES[language]["problem"][0]
            sound = floats_of(await voice.speak(line.reading, language, name))
            seconds = len(sound) / 24_000
            levels = frame_levels(sound)
            loud = levels[levels > levels.max() * 0.1]
            assert 3 < seconds < 12
            assert -23 < 20 * np.log10(np.sqrt((loud**2).mean())) < -19.5
            assert np.abs(sound).max() < 0.72
            assert abs(sound.mean()) < 0.001


async def test_voices_differ_and_the_same_line_is_made_once(voice: EspeakVoice) -> None:
    marin = await voice.speak("Hello there.", "en", "marin")
    cedar = await voice.speak("Hello there.", "en", "cedar")
    assert marin != cedar
    assert await voice.speak("Hello  there.\n", "en", "marin") is marin
    assert await voice.speak("Hello there.", "en", "somebody else") is marin


async def test_many_listeners_of_one_line_wait_for_one_rendering(voice: EspeakVoice) -> None:
    made = await asyncio.gather(*(voice.speak("One line.", "en", "marin") for _ in range(20)))
    assert all(each is made[0] for each in made)


async def test_a_listener_that_leaves_does_not_spoil_the_next_line(voice: EspeakVoice) -> None:
    long = "One line that is much longer than the other, but nobody waits for it."
    await voice.speak("Hello.", "en", "marin")
    leaving = asyncio.create_task(voice.speak(long, "en", "marin"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert len(await voice.speak("Two.", "en", "marin")) < 1_000 * 48
    assert len(await voice.speak(long, "en", "marin")) > 2_000 * 48


async def test_a_voice_that_dies_is_started_again(voice: EspeakVoice) -> None:
    await voice.speak("First.", "en", "marin")
    first = child_of(voice)
    os.kill(first, signal.SIGKILL)
    assert await voice.speak("Second.", "en", "marin")
    assert child_of(voice) != first


async def test_what_cannot_be_said_is_told(voice: EspeakVoice) -> None:
    with pytest.raises(VoiceBroken):
        await voice.speak(" ", "en", "marin")


async def test_it_ends_with_its_owner() -> None:
    # On a busy machine the child takes its time, and no force may hide that it does not leave.
    voice = EspeakVoice(leave_s=60)
    await voice.speak("Hello.", "en", "marin")
    child = voice._child
    assert child is not None
    await voice.close()
    assert child.returncode == 0  # it left by itself; one that must be killed has a negative one
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    await voice.close()


async def test_the_tone_is_as_long_as_the_line() -> None:
    tone = Tone()
    assert len(await tone.speak("x" * 10, "en", "marin")) == 700 * 48
    assert len(await tone.speak("あ" * 10, "ja", "marin")) == 1_500 * 48
