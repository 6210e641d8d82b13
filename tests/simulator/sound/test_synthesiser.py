"""The real synthesiser, with its real child process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest

from backend.simulator.persona.script import LINES
from backend.simulator.sound.synthesiser import (
    TIMBRES,
    EspeakSynthesiser,
    SynthesisFailed,
    ToneSynthesiser,
)
from backend.simulator.sound.waveform import frame_levels, from_pcm16

pytestmark = pytest.mark.slow


@pytest.fixture
async def voice() -> AsyncIterator[EspeakSynthesiser]:
    made = EspeakSynthesiser()
    yield made
    await made.close()


def child_of(voice: EspeakSynthesiser) -> int:
    assert voice._child is not None
    return voice._child.pid


async def test_every_voice_speaks_both_languages_at_one_level(voice: EspeakSynthesiser) -> None:
    for name in TIMBRES:
        for language in ("en", "ja"):
            line = LINES[language]["problem"][0]
            sound = from_pcm16(await voice.speak(line.reading, language, name))
            seconds = len(sound) / 24_000
            levels = frame_levels(sound)
            loud = levels[levels > levels.max() * 0.1]
            assert 3 < seconds < 12
            assert -23 < 20 * np.log10(np.sqrt((loud**2).mean())) < -19.5
            assert np.abs(sound).max() < 0.72
            assert abs(sound.mean()) < 0.001


async def test_voices_differ_and_results_are_cached(voice: EspeakSynthesiser) -> None:
    marin = await voice.speak("Hello there.", "en", "marin")
    cedar = await voice.speak("Hello there.", "en", "cedar")
    assert marin != cedar
    assert await voice.speak("Hello  there.\n", "en", "marin") is marin
    assert await voice.speak("Hello there.", "en", "somebody else") is marin


async def test_concurrent_requests_of_one_text_share_one_synthesis(
    voice: EspeakSynthesiser,
) -> None:
    made = await asyncio.gather(*(voice.speak("One line.", "en", "marin") for _ in range(20)))
    assert all(each is made[0] for each in made)


async def test_a_cancelled_request_does_not_corrupt_the_next_one(
    voice: EspeakSynthesiser,
) -> None:
    long = "One line that is much longer than the other, but nobody waits for it."
    await voice.speak("Hello.", "en", "marin")
    leaving = asyncio.create_task(voice.speak(long, "en", "marin"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert len(await voice.speak("Two.", "en", "marin")) < 1_000 * 48
    assert len(await voice.speak(long, "en", "marin")) > 2_000 * 48


async def test_a_child_that_dies_is_restarted(voice: EspeakSynthesiser) -> None:
    await voice.speak("First.", "en", "marin")
    first = child_of(voice)
    os.kill(first, signal.SIGKILL)
    assert await voice.speak("Second.", "en", "marin")
    assert child_of(voice) != first


async def test_a_text_without_speech_raises(voice: EspeakSynthesiser) -> None:
    with pytest.raises(SynthesisFailed):
        await voice.speak(" ", "en", "marin")


async def test_close_ends_the_child() -> None:
    # A long grace: on a busy machine the child is slow, and a kill would hide that it hangs.
    voice = EspeakSynthesiser(exit_grace_s=60)
    await voice.speak("Hello.", "en", "marin")
    child = voice._child
    assert child is not None
    await voice.close()
    assert child.returncode == 0  # it exited by itself; a killed child has a negative code
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    await voice.close()


async def test_the_tone_is_as_long_as_the_speech_would_be() -> None:
    tone = ToneSynthesiser()
    assert len(await tone.speak("x" * 10, "en", "marin")) == 700 * 48
    assert len(await tone.speak("あ" * 10, "ja", "marin")) == 1_500 * 48
