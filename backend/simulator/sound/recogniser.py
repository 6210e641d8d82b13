"""DOING: ears that know some sentences by heart, in the timbres of a few voices.

The bank is rendered by the simulator's own voice from the start, one line at a time, so that a call
in the first second waits for one line at most before its own; matching runs in one thread of its
own. Free dictation is not possible offline at this size: what is not in the bank is
"not understood", and the transcription fails with `speech_not_recognised`.

Measured on espeak-ng's voices (20 sentences each): 20 of 20 with distances up to 0.64 in every
voice of `TEMPLATES`, at other speeds and pitches, after Opus, at 12 dB over noise, over the
telephone and in a room; of 757 other sentences none below 0.63. A voice unlike all templates lies
at 0.8 to 0.9, as other sentences do, but then the right sentence leads the next by a fifth.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from backend.simulator.engine.effects import Language
from backend.simulator.persona.script import PHRASES
from backend.simulator.sound import phrase_matching, waveform
from backend.simulator.sound.synthesiser import Voice, VoiceBroken
from backend.simulator.sound.waveform import Floats

TEMPLATES = ("marin", "cedar", "coral", "narrator")
NEAR = 0.66
"""Nearer than this, it is the phrase."""
FAR = 0.9
LEAD = 1.18
"""Up to `FAR` it is, if the next phrase is so many times as far."""
_KEPT_ANSWERS = 512


class Ears(Protocol):
    """What the server needs of ears."""

    def prepare(self) -> None:
        """There may soon be something to hear."""

    async def recognise(self, pcm: bytes) -> str | None:
        """The phrase in this PCM16 mono 24 kHz; None where it is not understood."""

    async def close(self) -> None:
        """Ends what was started."""


def choice(found: Sequence[tuple[float, str]]) -> str | None:
    """The phrase, from the templates' distances, nearest first; None where none is clear."""
    if not found:
        return None
    distance, name = found[0]
    if distance < NEAR:
        return name
    rivals = [each for each, other in found if other != name]
    is_clear = bool(rivals) and rivals[0] / distance > LEAD
    return name if distance < FAR and is_clear else None


def _listen(bank: phrase_matching.Bank, pcm: bytes) -> str | None:
    return choice(
        phrase_matching.distances(bank, phrase_matching.features(waveform.floats_of(pcm)))
    )


class PhraseEars:
    """Recognises the sentences of `lines.PHRASES`; answers for the same sound are kept."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ears")
        self._bank: asyncio.Task[phrase_matching.Bank | None] | None = None
        self._answers: OrderedDict[bytes, asyncio.Task[str | None]] = OrderedDict()

    def prepare(self) -> None:
        """Renders the bank in the background, once; again if the voice was broken."""
        if self._bank is None or (self._bank.done() and self._bank.result() is None):
            self._bank = asyncio.create_task(self._render())

    async def recognise(self, pcm: bytes) -> str | None:
        """The phrase in this sound; a sound is looked at once, however many calls hear it."""
        key = hashlib.sha256(pcm).digest()
        if key not in self._answers:
            self._answers[key] = asyncio.create_task(self._match(pcm))
            if len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return await asyncio.shield(self._answers[key])

    async def close(self) -> None:
        """Ends the rendering, the matching and the thread."""
        tasks = [*self._answers.values(), *([self._bank] if self._bank else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._answers.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _match(self, pcm: bytes) -> str | None:
        self.prepare()
        assert self._bank is not None  # prepare() has seen to it
        bank = await asyncio.shield(self._bank)
        if bank is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, _listen, bank, pcm)

    async def _render(self) -> phrase_matching.Bank | None:
        loop = asyncio.get_running_loop()
        templates: list[tuple[str, Floats]] = []
        languages: tuple[Language, ...] = ("ja", "en")
        try:
            for language in languages:
                for phrase in PHRASES[language]:
                    for timbre in TEMPLATES:
                        pcm = await self._voice.speak(phrase.reading, language, timbre)
                        heard = waveform.floats_of(pcm)
                        row = await loop.run_in_executor(
                            self._thread, phrase_matching.features, heard
                        )
                        templates.append((phrase.caption, row))
        except VoiceBroken:
            return None
        return phrase_matching.bank_of(templates)


class Deaf:
    """Understands nothing, at no cost: for benchmarks, and where no voice can be started."""

    def prepare(self) -> None:
        """There is nothing to prepare."""

    async def recognise(self, pcm: bytes) -> str | None:
        """Nothing is understood."""
        return None

    async def close(self) -> None:
        """Nothing was started."""
