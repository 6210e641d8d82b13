"""Microphones and loudspeakers: sounddevice, SoX, WAV files, or none.

A microphone calls `on_chunk` with PCM16 (24 kHz, mono, 40 ms) on the event loop. A loudspeaker
takes its sound from a `SpeakerQueue`.
"""

import asyncio
import contextlib
import importlib
import math
import shutil
import subprocess
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from backend.cli.failures import ExitCode, Failure
from backend.cli.resampling import Resampler
from backend.cli.speaker_queue import SpeakerQueue
from backend.cli.wav_files import WavWriter, read_wav
from backend.protocol.audio import BYTES_PER_MS, SAMPLE_RATE_HZ

CHUNK_MS = 40
CHUNK_BYTES = CHUNK_MS * BYTES_PER_MS
_PACE_MS = 20
_SOX_LATENCY_MS = 200.0
"""What SoX and the sound system hold; it does not say how much."""
_SOX_FORMAT = (
    *("-t", "raw", "-r", str(SAMPLE_RATE_HZ), "-e", "signed-integer", "-b", "16", "-c", "1"),
    *("-L", "-"),
)

AudioSystem = Literal["auto", "sounddevice", "sox", "none"]
OnChunk = Callable[[bytes], None]
OnEnd = Callable[[], None]


class Microphone(Protocol):
    """Where the person's sound comes from. `is_live`: it is a device, which has no end."""

    is_live: bool

    async def start(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        """Begin to call `on_chunk`. Raises Failure (MISSING) if the device does not open."""

    async def stop(self) -> None:
        """Release the device. Harmless when stopped."""


class Speaker(Protocol):
    """Where an answer's sound goes."""

    async def start(self, queue: SpeakerQueue) -> None:
        """Begin to take sound from the queue. Raises Failure (MISSING)."""

    def cut(self) -> None:
        """Be silent now; the queue has been flushed."""

    async def stop(self) -> None:
        """Release the device. Harmless when stopped."""


class WavMicrophone:
    """A WAV file, in real time; then silence, so that the server notices the end of speech."""

    is_live = False

    def __init__(self, path: Path) -> None:
        self._pcm = read_wav(path)
        self._task: asyncio.Task[None] | None = None

    async def start(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        self._task = asyncio.create_task(self._run(on_chunk, on_end))

    async def _run(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        at = 0
        while True:
            chunk = self._pcm[at : at + CHUNK_BYTES]
            on_chunk(chunk.ljust(CHUNK_BYTES, b"\0"))
            at += CHUNK_BYTES
            if at - CHUNK_BYTES < len(self._pcm) <= at:
                on_end()
            due += CHUNK_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def stop(self) -> None:
        await _cancelled(self._task)


class SoxMicrophone:
    """SoX's `rec`."""

    is_live = True

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "rec", "-q", *_SOX_FORMAT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._task = asyncio.create_task(self._run(on_chunk, on_end))

    async def _run(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        assert self._process is not None and self._process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                on_chunk(await self._process.stdout.readexactly(CHUNK_BYTES))
        on_end()

    async def stop(self) -> None:
        await _cancelled(self._task)
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()


class SoundDeviceMicrophone:
    """The system's microphone, through PortAudio."""

    is_live = True

    def __init__(self, library: Any) -> None:
        self._library = library
        self._stream: Any = None

    async def start(self, on_chunk: OnChunk, on_end: OnEnd) -> None:
        loop = asyncio.get_running_loop()
        rate = _rate_of(self._library, "input")
        resampler = Resampler(rate, SAMPLE_RATE_HZ)
        waiting = bytearray()

        def deliver(pcm: bytes) -> None:
            waiting.extend(resampler.feed(array("h", pcm)).tobytes())
            while len(waiting) >= CHUNK_BYTES:
                on_chunk(bytes(waiting[:CHUNK_BYTES]))
                del waiting[:CHUNK_BYTES]

        def captured(data: Any, frames: int, time: Any, status: Any) -> None:
            # On PortAudio's thread. The loop may be closed already.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(deliver, bytes(data))

        self._stream = _opened(
            self._library, "RawInputStream", rate, captured, rate * CHUNK_MS // 1000
        )

    async def stop(self) -> None:
        _closed(self._stream)
        self._stream = None


class SoundDeviceSpeaker:
    """The system's loudspeaker, through PortAudio. Its thread takes from the queue."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._stream: Any = None

    async def start(self, queue: SpeakerQueue) -> None:
        rate = _rate_of(self._library, "output")
        resampler = Resampler(SAMPLE_RATE_HZ, rate)
        waiting = bytearray()

        def fill(out: Any, frames: int, time: Any, status: Any) -> None:
            wanted = len(out)
            while len(waiting) < wanted:
                pcm = queue.take(_PACE_MS * BYTES_PER_MS).ljust(_PACE_MS * BYTES_PER_MS, b"\0")
                waiting.extend(resampler.feed(array("h", pcm)).tobytes())
            out[:] = bytes(waiting[:wanted])
            del waiting[:wanted]

        self._stream = _opened(self._library, "RawOutputStream", rate, fill, 0)
        queue.set_latency(float(self._stream.latency) * 1000 + _PACE_MS)

    def cut(self) -> None:
        """The queue is empty: the next block is silence."""

    async def stop(self) -> None:
        _closed(self._stream)
        self._stream = None


class _PacedSpeaker:
    """Takes sound from the queue in real time, and gives it to `write`.

    Also for a file: an answer can be interrupted while it is spoken, and who hangs up earlier has
    interrupted it, as the server counts (`relay.playback`).
    """

    latency_ms = 2.0 * _PACE_MS
    """A block is taken when it begins, so it is over one block later."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def start(self, queue: SpeakerQueue) -> None:
        queue.set_latency(self.latency_ms)
        self._task = asyncio.create_task(self._run(queue))

    async def _run(self, queue: SpeakerQueue) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if pcm := queue.take(_PACE_MS * BYTES_PER_MS):
                await self.write(pcm)
            due += _PACE_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def write(self, pcm: bytes) -> None:
        """Drop the sound: a loudspeaker that nobody hears."""

    def cut(self) -> None:
        """What was taken was written already."""

    async def stop(self) -> None:
        await _cancelled(self._task)


class SilentSpeaker(_PacedSpeaker):
    """No device: answers take their time, and nothing is heard."""


class WavSpeaker(_PacedSpeaker):
    """Writes what would have been heard to a file, without the pauses."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._writer: WavWriter | None = None

    async def start(self, queue: SpeakerQueue) -> None:
        """Raises Failure (USAGE) if the file cannot be written."""
        self._writer = WavWriter(self._path)
        await super().start(queue)

    async def write(self, pcm: bytes) -> None:
        if self._writer is not None:
            self._writer.write(pcm)

    async def stop(self) -> None:
        await super().stop()
        if self._writer is not None:
            self._writer.close()


class SoxSpeaker(_PacedSpeaker):
    """SoX's `play`, one process for each stretch of sound: ending it is the way to be silent."""

    latency_ms = _SOX_LATENCY_MS

    def __init__(self) -> None:
        super().__init__()
        self._process: asyncio.subprocess.Process | None = None
        self._ending: set[asyncio.Task[int]] = set()

    async def write(self, pcm: bytes) -> None:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                "play", "-q", "--buffer", "1024", *_SOX_FORMAT,
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(pcm)
            await self._process.stdin.drain()

    def cut(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        ending = asyncio.ensure_future(process.wait())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        await super().stop()
        self.cut()
        await asyncio.gather(*self._ending)


def open_microphone(system: AudioSystem, path: Path | None) -> Microphone | None:
    """The microphone to use; None if there is none. `path` is a WAV file that replaces it.

    Raises Failure: the file cannot be read (USAGE), or a system that was named is missing.
    """
    if path is not None:
        return WavMicrophone(path)
    if library := _sounddevice(system, "input"):
        return SoundDeviceMicrophone(library)
    return SoxMicrophone() if _has_sox(system, "rec") else None


def open_speaker(system: AudioSystem, path: Path | None) -> Speaker | None:
    """The loudspeaker to use; None if there is none. `path` is a WAV file that replaces it.

    Raises Failure as `open_microphone` does.
    """
    if path is not None:
        return WavSpeaker(path)
    if library := _sounddevice(system, "output"):
        return SoundDeviceSpeaker(library)
    return SoxSpeaker() if _has_sox(system, "play") else None


def _sounddevice(system: AudioSystem, kind: str) -> Any:
    """The library, if it is to be used and the machine has such a device; else None."""
    if system not in ("auto", "sounddevice"):
        return None
    try:
        library: Any = importlib.import_module("sounddevice")
        library.query_devices(kind=kind)
    except ImportError:
        missing = "sounddevice_missing"
    except OSError:
        missing = "portaudio_missing"
    except Exception:
        # PortAudioError and ValueError: there is no such device.
        missing = "device_missing"
    else:
        return library
    if system == "sounddevice":
        raise Failure(ExitCode.MISSING, missing)
    return None


def _has_sox(system: AudioSystem, program: str) -> bool:
    if system not in ("auto", "sox"):
        return False
    if shutil.which(program):
        return True
    if system == "sox":
        raise Failure(ExitCode.MISSING, "sox_missing", program=program)
    return False


def _rate_of(library: Any, kind: str) -> int:
    """24 kHz if the device takes it, else its own rate."""
    try:
        check = library.check_input_settings if kind == "input" else library.check_output_settings
        check(samplerate=SAMPLE_RATE_HZ, channels=1, dtype="int16")
    except Exception:
        # PortAudioError; the library is not imported where it is missing.
        return int(library.query_devices(kind=kind)["default_samplerate"])
    return SAMPLE_RATE_HZ


def _opened(
    library: Any, stream: str, rate: int, callback: Callable[..., None], block_frames: int
) -> Any:
    try:
        opened = getattr(library, stream)(
            samplerate=rate,
            channels=1,
            dtype="int16",
            blocksize=block_frames,
            latency="low",
            callback=callback,
        )
        opened.start()
    except Exception as error:
        raise Failure(ExitCode.MISSING, "device_failed", reason=error) from None
    return opened


def _closed(stream: Any) -> None:
    if stream is not None:
        with contextlib.suppress(Exception):
            stream.abort()
            stream.close()


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def level_of(pcm: bytes) -> float:
    """The level (RMS, 0..1) of this sound, from every fourth sample."""
    samples = array("h", pcm)[::4]
    return math.sqrt(sum(value * value for value in samples) / max(1, len(samples))) / 32768
