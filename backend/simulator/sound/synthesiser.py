"""DOING: voices: a line of text becomes PCM16, mono, 24 kHz.

`EspeakVoice` keeps one child process (`synthesiser.py`), started with the first line and ended with
its owner; `Tone` is its twin that costs nothing.
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
_LINE_S = 10.0
"""A line takes about 20 ms; the first one also pays for the process, 0.3 s."""
_CACHE_BYTES = 64 * 1024 * 1024
_LEAVE_S = 0.3


class VoiceBroken(Exception):
    """No sound can be made of this line."""


class Voice(Protocol):
    """What the server needs of a voice."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """The sound of a line, PCM16 mono 24 kHz. Raises VoiceBroken."""

    async def close(self) -> None:
        """Ends what was started."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """One of espeak's voices, made to differ: `pitch` 0 to 99, 50 is normal."""

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
    # Not one of the provider's: a further timbre for the ears.
    "narrator": Timbre("Andy", 50, 165),
}
_NAMES: dict[Language, str] = {"en": "en-us", "ja": "ja"}


@dataclass(frozen=True, slots=True)
class _Order:
    """One line for the child process."""

    reading: str
    voice: str
    pitch: int
    words_a_minute: int


class EspeakVoice:
    """Speaks Japanese (written as kana) and English through espeak-ng in a process of its own.

    A line is made once and kept (64 MiB, the least used go first). A child that dies or hangs is
    started again; where that does not help, `VoiceBroken`.
    """

    def __init__(self, leave_s: float = _LEAVE_S) -> None:
        """`leave_s`: how long the child may take to leave by itself when the voice is closed."""
        self._leave_s = leave_s
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._making: dict[_Order, asyncio.Task[bytes]] = {}
        self._kept: OrderedDict[_Order, bytes] = OrderedDict()
        self._kept_bytes = 0

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """The sound of a line; unknown voices sound like `marin`. Raises VoiceBroken."""
        timbre = TIMBRES.get(voice, TIMBRES["marin"])
        name = f"{_NAMES[language]}+{timbre.variant}"
        order = _Order(" ".join(reading.split()), name, timbre.pitch, timbre.words_a_minute)
        if order in self._kept:
            return self._recall(order)
        if order not in self._making:
            self._making[order] = asyncio.create_task(self._make(order))
        # A listener that leaves must not leave half an answer in the pipe for the next one.
        return await asyncio.shield(self._making[order])

    async def close(self) -> None:
        """Ends the child: its input ends, and if that is not enough, by force."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        child, self._child = self._child, None
        if child is not None:
            await _ended(child, self._leave_s)

    def _recall(self, order: _Order) -> bytes:
        self._kept.move_to_end(order)
        return self._kept[order]

    def _keep(self, order: _Order, pcm: bytes) -> None:
        self._kept[order] = pcm
        self._kept_bytes += len(pcm)
        while self._kept_bytes > _CACHE_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    async def _make(self, order: _Order) -> bytes:
        try:
            async with self._turn:
                pcm = await self._try_twice(order)
            self._keep(order, pcm)
            return pcm
        finally:
            del self._making[order]

    async def _try_twice(self, order: _Order) -> bytes:
        for _ in range(2):
            try:
                async with asyncio.timeout(_LINE_S):
                    pcm = await self._ask(await self._started(), order)
            except (OSError, EOFError, TimeoutError):
                child, self._child = self._child, None
                if child is not None:
                    await _ended(child, 0)
                continue
            if pcm:
                return pcm
            break
        raise VoiceBroken

    async def _started(self) -> asyncio.subprocess.Process:
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
    async def _ask(child: asyncio.subprocess.Process, order: _Order) -> bytes:
        assert child.stdin is not None and child.stdout is not None  # both are pipes
        child.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        await child.stdin.drain()
        (length,) = struct.unpack(">I", await child.stdout.readexactly(4))
        return await child.stdout.readexactly(length) if length else b""


async def _ended(child: asyncio.subprocess.Process, patience_s: float) -> None:
    """Ends the child: its input ends, and if need be its life; reads what it still says."""
    try:
        async with asyncio.timeout(patience_s):
            await child.communicate(b"")  # With None, Python 3.11 leaves the input open.
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.communicate()


@lru_cache(maxsize=64)
def _hum(length_ms: int) -> bytes:
    return array(
        "h", (int(6000 * math.sin(2 * math.pi * 220 * n / 24000)) for n in range(length_ms * 24))
    ).tobytes()


class Tone:
    """Hums as long as the line would take, for benchmarks and tests."""

    async def speak(self, reading: str, language: Language, voice: str) -> bytes:
        """70 ms a letter in English, 150 ms a kana."""
        return _hum(len(reading) * (150 if language == "ja" else 70))

    async def close(self) -> None:
        """Nothing was started."""
