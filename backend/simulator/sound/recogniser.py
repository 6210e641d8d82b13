"""Speech recognition of a fixed list of phrases, in the timbres of a few voices.

`PhraseRecogniser` compares audio with templates that the simulator's own synthesiser makes. It
makes them from the start, one sentence at a time, so that a call in the first second waits for one
sentence at most before its own. Matching runs in one thread of its own. Free dictation is not
possible offline at this size: other sentences are not understood, and their transcription fails
with `speech_not_recognised`.

Measured on espeak-ng's voices (20 sentences each): 20 of 20 with distances up to 0.64 in every
voice of `TEMPLATE_VOICES`, at other speeds and pitches, after Opus, at 12 dB over noise, over the
telephone and in a room; of 757 other sentences none below 0.63. A voice unlike all templates lies
at 0.8 to 0.9, as other sentences do, but then the distance of the second phrase is a fifth larger
than that of the right one.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from backend.simulator.engine.effects import Language, Sentence
from backend.simulator.sound import phrase_matching, waveform
from backend.simulator.sound.phrase_matching import TemplateBank
from backend.simulator.sound.synthesiser import Synthesiser, SynthesisFailed
from backend.simulator.sound.waveform import Floats

TEMPLATE_VOICES = ("marin", "cedar", "coral", "narrator")
MAX_DISTANCE = 0.66
"""Below this distance, the audio is the phrase."""
MAX_DISTANCE_IF_CLEAR = 0.9
MIN_LEAD = 1.18
"""Below `MAX_DISTANCE_IF_CLEAR`: only if the second phrase is at least this factor farther away."""
_MAX_CACHED_RESULTS = 512


class Recogniser(Protocol):
    """What the server needs for speech recognition."""

    def prepare(self) -> None:
        """Start to load what recognition needs; return at once."""

    async def recognise(self, pcm: bytes) -> str | None:
        """The phrase in this PCM16 mono 24 kHz, or None if it is not understood."""

    async def close(self) -> None:
        """Stop everything that was started."""


def best_phrase(distances: Sequence[tuple[float, str]]) -> str | None:
    """The phrase by the distances of all templates, nearest first; None if no phrase is clear."""
    if not distances:
        return None
    distance, name = distances[0]
    if distance < MAX_DISTANCE:
        return name
    others = [each for each, other in distances if other != name]
    is_clear = bool(others) and others[0] / distance > MIN_LEAD
    return name if distance < MAX_DISTANCE_IF_CLEAR and is_clear else None


def _match(bank: TemplateBank, pcm: bytes) -> str | None:
    features = phrase_matching.features(waveform.from_pcm16(pcm))
    return best_phrase(phrase_matching.distances(bank, features))


class PhraseRecogniser:
    """Recognises `phrases`, whose templates `synthesiser` speaks. Caches results by audio."""

    def __init__(
        self, synthesiser: Synthesiser, phrases: Mapping[Language, Sequence[Sentence]]
    ) -> None:
        self._synthesiser = synthesiser
        self._phrases = phrases
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recogniser")
        self._bank: asyncio.Task[TemplateBank | None] | None = None
        self._results: OrderedDict[bytes, asyncio.Task[str | None]] = OrderedDict()

    def prepare(self) -> None:
        """Make the templates in the background, once; again if synthesis had failed."""
        if self._bank is None or (self._bank.done() and self._bank.result() is None):
            self._bank = asyncio.create_task(self._make_templates())

    async def recognise(self, pcm: bytes) -> str | None:
        """The phrase in this audio. The same audio is matched once, however many calls send it."""
        key = hashlib.sha256(pcm).digest()
        if key not in self._results:
            self._results[key] = asyncio.create_task(self._recognise(pcm))
            if len(self._results) > _MAX_CACHED_RESULTS:
                self._results.popitem(last=False)
        return await asyncio.shield(self._results[key])

    async def close(self) -> None:
        """Stop making templates, matching, and the thread."""
        tasks = [*self._results.values(), *([self._bank] if self._bank else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._results.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _recognise(self, pcm: bytes) -> str | None:
        self.prepare()
        assert self._bank is not None  # set by prepare()
        bank = await asyncio.shield(self._bank)
        if bank is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, _match, bank, pcm)

    async def _make_templates(self) -> TemplateBank | None:
        loop = asyncio.get_running_loop()
        templates: list[tuple[str, Floats]] = []
        languages: tuple[Language, ...] = ("ja", "en")
        try:
            for language in languages:
                for phrase in self._phrases[language]:
                    for voice in TEMPLATE_VOICES:
                        pcm = await self._synthesiser.speak(phrase.reading, language, voice)
                        sound = waveform.from_pcm16(pcm)
                        features = await loop.run_in_executor(
                            self._thread, phrase_matching.features, sound
                        )
                        templates.append((phrase.caption, features))
        except SynthesisFailed:
            return None
        return phrase_matching.build_bank(templates)


class NullRecogniser:
    """Understands nothing, at no cost: for benchmarks, and where no speech can be synthesised."""

    def prepare(self) -> None:
        """Do nothing."""

    async def recognise(self, pcm: bytes) -> str | None:
        """Return None."""
        return None

    async def close(self) -> None:
        """Do nothing."""
