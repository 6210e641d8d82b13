"""Speech synthesis: text to PCM16, mono, 24 kHz.

`EspeakSynthesiser` has one child process (`espeak_process`), started for the first text and stopped
by `close`. `ToneSynthesiser` makes a tone, at no cost.
"""

import asyncio
import json
import math
import struct
import sys
from array import array
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from backend.simulator.engine.effects import Language

_ROOT = Path(__file__).resolve().parents[3]
_REQUEST_TIMEOUT_S = 10.0
"""A sentence takes about 20 ms; the first one also the start of the process, 0.3 s."""
_MAX_CACHE_BYTES = 64 * 1024 * 1024
_EXIT_GRACE_S = 0.3


class SynthesisFailed(Exception):
    """This text cannot be synthesised."""


class Synthesiser(Protocol):
    """What the server needs for speech synthesis."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """The text as PCM16 mono 24 kHz; `voice` is the provider's. Raises SynthesisFailed."""

    async def close(self) -> None:
        """Stop everything that was started."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """An espeak-ng voice variant with its settings; `pitch` is 0 to 99, normally 50."""

    variant: str
    pitch: int
    words_a_minute: int


TIMBRES: dict[str, Timbre] = {
    "marin": Timbre("f2", 52, 165),
    "cedar": Timbre("m3", 42, 160),
    "alloy": Timbre("f5", 45, 165),
    "ash": Timbre("m1", 45, 165),
    "ballad": Timbre("m4", 50, 150),
    "coral": Timbre("f3", 60, 170),
    "echo": Timbre("m7", 38, 160),
    "sage": Timbre("f1", 48, 155),
    "shimmer": Timbre("f4", 65, 170),
    "verse": Timbre("m8", 48, 170),
    # Not a voice of the provider: one more timbre for the recogniser's templates.
    "narrator": Timbre("Andy", 50, 165),
}
_ESPEAK_LANGUAGES: dict[Language, str] = {"en": "en-us", "ja": "ja"}


@dataclass(frozen=True, slots=True)
class _Request:
    """One JSON line for the child process."""

    reading: str
    voice: str
    pitch: int
    words_a_minute: int


class EspeakSynthesiser:
    """Speaks Japanese (written in kana) and English through espeak-ng in a child process.

    Results are cached (LRU, 64 MiB). A child that dies or hangs is restarted once per text; then
    `speak` raises SynthesisFailed.
    """

    def __init__(self, exit_grace_s: float = _EXIT_GRACE_S) -> None:
        """`exit_grace_s`: how long `close` waits for the child to exit before it kills it."""
        self._exit_grace_s = exit_grace_s
        self._child: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._in_progress: dict[_Request, asyncio.Task[bytes]] = {}
        self._cache: OrderedDict[_Request, bytes] = OrderedDict()
        self._cache_bytes = 0

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """The text as PCM16; an unknown voice sounds like `marin`. Raises SynthesisFailed."""
        timbre = TIMBRES.get(voice, TIMBRES["marin"])
        name = f"{_ESPEAK_LANGUAGES[language]}+{timbre.variant}"
        request = _Request(" ".join(reading.split()), name, timbre.pitch, timbre.words_a_minute)
        if request in self._cache:
            return self._from_cache(request)
        if request not in self._in_progress:
            self._in_progress[request] = asyncio.create_task(self._synthesise(request))
        # A cancelled caller must not cancel the request: the rest of the answer would stay in the
        # pipe for the next one.
        return await asyncio.shield(self._in_progress[request])

    async def close(self) -> None:
        """Cancel the requests and stop the child."""
        tasks = list(self._in_progress.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        child, self._child = self._child, None
        if child is not None:
            await _stop_child(child, self._exit_grace_s)

    def _from_cache(self, request: _Request) -> bytes:
        self._cache.move_to_end(request)
        return self._cache[request]

    def _cache_result(self, request: _Request, pcm: bytes) -> None:
        self._cache[request] = pcm
        self._cache_bytes += len(pcm)
        while self._cache_bytes > _MAX_CACHE_BYTES:
            self._cache_bytes -= len(self._cache.popitem(last=False)[1])

    async def _synthesise(self, request: _Request) -> bytes:
        try:
            async with self._lock:
                pcm = await self._synthesise_with_retry(request)
            self._cache_result(request, pcm)
            return pcm
        finally:
            del self._in_progress[request]

    async def _synthesise_with_retry(self, request: _Request) -> bytes:
        for _ in range(2):
            try:
                async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                    pcm = await self._send_request(await self._running_child(), request)
            except (OSError, EOFError, TimeoutError):
                child, self._child = self._child, None
                if child is not None:
                    await _stop_child(child, 0)
                continue
            if pcm:
                return pcm
            break
        raise SynthesisFailed

    async def _running_child(self) -> asyncio.subprocess.Process:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "backend.simulator.sound.espeak_process",
                cwd=_ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        return self._child

    @staticmethod
    async def _send_request(child: asyncio.subprocess.Process, request: _Request) -> bytes:
        assert child.stdin is not None and child.stdout is not None  # both are PIPE
        child.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
        await child.stdin.drain()
        (length,) = struct.unpack(">I", await child.stdout.readexactly(4))
        return await child.stdout.readexactly(length) if length else b""


async def _stop_child(child: asyncio.subprocess.Process, grace_s: float) -> None:
    """Close the child's stdin and read its output to the end; kill it after `grace_s`."""
    try:
        async with asyncio.timeout(grace_s):
            await child.communicate(b"")  # With None, Python 3.11 would leave stdin open.
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.communicate()


@lru_cache(maxsize=64)
def _tone(length_ms: int) -> bytes:
    return array(
        "h", (int(6000 * math.sin(2 * math.pi * 220 * n / 24000)) for n in range(length_ms * 24))
    ).tobytes()


class ToneSynthesiser:
    """Makes a tone about as long as the speech would be, for benchmarks and tests."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """A tone of 70 ms for each letter in English, 150 ms for each kana."""
        return _tone(len(reading) * (150 if language == "ja" else 70))

    async def close(self) -> None:
        """Do nothing."""
