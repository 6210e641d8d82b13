"""Devices: WAV files, a fake of sounddevice, and fakes of SoX's programs."""

import asyncio
import importlib
import struct
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.cli.audio_devices import (
    CHUNK_BYTES,
    AudioSystem,
    Microphone,
    SilentSpeaker,
    SoundDeviceMicrophone,
    SoundDeviceSpeaker,
    SoxMicrophone,
    SoxSpeaker,
    WavMicrophone,
    WavSpeaker,
    level_of,
    open_microphone,
    open_speaker,
)
from backend.cli.effects import PartKey
from backend.cli.failures import ExitCode, Failure
from backend.cli.speaker_queue import SpeakerQueue
from backend.cli.wav_files import read_wav

PART = PartKey("answer", 0)
PCM_40_MS = struct.pack("<960h", *[1000] * 960)


def wav_file(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(pcm)
    return path


async def captured(microphone: Microphone, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    """Run the microphone until its chunks are enough. Its end is an empty chunk."""
    chunks: list[bytes] = []
    done = asyncio.Event()

    def add(chunk: bytes) -> None:
        chunks.append(chunk)
        if enough(chunks):
            done.set()

    await microphone.start(add, lambda: add(b""))
    async with asyncio.timeout(5):
        await done.wait()
    await microphone.stop()
    await microphone.stop()
    return chunks


async def until(is_done: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not is_done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_wav_file_is_followed_by_silence(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "a.wav", PCM_40_MS + PCM_40_MS[:100])
    microphone = open_microphone("auto", path)
    assert isinstance(microphone, WavMicrophone) and not microphone.is_live
    chunks = await captured(microphone, lambda each: len(each) == 4)
    assert chunks == [PCM_40_MS, PCM_40_MS[:100].ljust(CHUNK_BYTES, b"\0"), b"", bytes(CHUNK_BYTES)]


async def test_a_wav_speaker_writes_what_was_played_without_its_pauses(tmp_path: Path) -> None:
    path = tmp_path / "answer.wav"
    speaker = open_speaker("none", path)
    assert isinstance(speaker, WavSpeaker)
    queue = SpeakerQueue()
    await speaker.start(queue)
    await asyncio.sleep(0.05)
    queue.play(PART, PCM_40_MS * 2)
    queue.end(PART)
    began = asyncio.get_running_loop().time()
    await until(lambda: bool(queue.take_ended()))
    # The server must not take the end of the command for an interruption.
    assert asyncio.get_running_loop().time() - began >= 0.08
    await speaker.stop()
    assert read_wav(path) == PCM_40_MS * 2


async def test_a_silent_speaker_takes_its_time() -> None:
    speaker, queue = SilentSpeaker(), SpeakerQueue()
    queue.play(PART, PCM_40_MS * 50)
    await speaker.start(queue)
    await asyncio.sleep(0.05)
    cut = queue.flush()[0]
    await speaker.stop()
    assert 0 < cut.heard_ms < 1000


class FakeStream:
    """A stream of PortAudio's; the test calls its callback."""

    latency = 0.1

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.is_open = False

    def start(self) -> None:
        self.is_open = True

    def abort(self) -> None:
        self.is_open = False

    def close(self) -> None:
        pass


class FakeSoundDevice:
    """The module `sounddevice`, with one device that knows one rate."""

    def __init__(self, rate: int = 24_000, failure: Exception | None = None) -> None:
        self.rate, self.failure = rate, failure
        self.streams: list[FakeStream] = []

    def query_devices(self, kind: str) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        return {"default_samplerate": float(self.rate)}

    def check_input_settings(self, samplerate: int, **_: Any) -> None:
        if samplerate != self.rate:
            raise ValueError("invalid sample rate")

    check_output_settings = check_input_settings

    def RawInputStream(self, **options: Any) -> FakeStream:
        self.streams.append(FakeStream(**options))
        return self.streams[-1]

    RawOutputStream = RawInputStream


@pytest.mark.parametrize("rate", [24_000, 48_000])
async def test_the_microphone_of_portaudio(rate: int) -> None:
    library = FakeSoundDevice(rate)
    chunks: list[bytes] = []
    microphone = SoundDeviceMicrophone(library)
    await microphone.start(chunks.append, lambda: None)
    stream = library.streams[0]
    assert stream.options["samplerate"] == rate and stream.is_open
    block = array("h", [1000] * (rate // 25)).tobytes()
    for _ in range(3):
        stream.options["callback"](block, rate // 25, None, None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(chunks) == (3 if rate == 24_000 else 2)
    assert all(len(chunk) == CHUNK_BYTES for chunk in chunks)
    assert array("h", chunks[1])[500] == pytest.approx(1000, abs=5)
    await microphone.stop()
    assert not stream.is_open


@pytest.mark.parametrize("rate", [24_000, 48_000])
async def test_the_speaker_of_portaudio(rate: int) -> None:
    library = FakeSoundDevice(rate)
    speaker, queue = SoundDeviceSpeaker(library), SpeakerQueue()
    await speaker.start(queue)
    queue.play(PART, PCM_40_MS * 5)
    out = bytearray(rate // 25 * 2)
    stream = library.streams[0]
    for _ in range(3):
        stream.options["callback"](memoryview(out), rate // 25, None, None)
    assert array("h", bytes(out))[100] == pytest.approx(1000, abs=5)
    # 120 ms were taken and up to 20 ms more; the device holds 100 ms and one block.
    assert queue.flush()[0].heard_ms in (0, 20)
    speaker.cut()
    await speaker.stop()
    await speaker.stop()


async def test_a_device_that_does_not_open_is_named() -> None:
    library = FakeSoundDevice()
    library.RawInputStream = None  # type: ignore[assignment]
    with pytest.raises(Failure) as failed:
        await SoundDeviceMicrophone(library).start(lambda _: None, lambda: None)
    assert failed.value.sentence == "device_failed"


def without_sounddevice(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    """Have the import of sounddevice return or raise this."""

    def import_module(name: str) -> object:
        assert name == "sounddevice"
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(importlib, "import_module", import_module)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (ImportError(), "sounddevice_missing"),
        (OSError("PortAudio library not found"), "portaudio_missing"),
        (FakeSoundDevice(failure=ValueError("no device")), "device_missing"),
    ],
)
def test_what_sounddevice_lacks_is_named_only_if_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, found: object, sentence: str
) -> None:
    without_sounddevice(monkeypatch, found)
    monkeypatch.setenv("PATH", "/nowhere")
    assert open_microphone("auto", None) is None and open_speaker("auto", None) is None
    for opened in (open_microphone, open_speaker):
        with pytest.raises(Failure) as failed:
            opened("sounddevice", None)
        assert failed.value.sentence == sentence
        assert failed.value.exit_code is ExitCode.MISSING


def test_the_devices_are_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    without_sounddevice(monkeypatch, FakeSoundDevice())
    assert isinstance(open_microphone("auto", None), SoundDeviceMicrophone)
    assert isinstance(open_speaker("sounddevice", None), SoundDeviceSpeaker)
    systems: tuple[AudioSystem, ...] = ("sox", "none")
    for system in systems[1:]:
        assert open_microphone(system, None) is None and open_speaker(system, None) is None
    with pytest.raises(Failure) as failed:
        open_speaker("sox", None)
    assert failed.value.sentence == "sox_missing"
    without_sounddevice(monkeypatch, ImportError())
    for program in ("rec", "play"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    assert isinstance(open_microphone("auto", None), SoxMicrophone)
    assert isinstance(open_speaker("auto", None), SoxSpeaker)


@pytest.fixture
def sox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fakes: `rec` gives the file `sound` and waits, `play` keeps what it is given."""
    programs = {
        "rec": f"cat {tmp_path}/sound\nexec sleep 30\n",
        "play": f"exec cat >> {tmp_path}/played\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "sound").write_bytes(PCM_40_MS * 3)
    return tmp_path


async def test_soxs_rec_is_a_microphone_and_is_ended(sox: Path) -> None:
    microphone = SoxMicrophone()
    chunks = await captured(microphone, lambda each: len(each) == 3)
    assert chunks == [PCM_40_MS] * 3


async def test_soxs_play_is_ended_to_be_silent_and_begins_again(sox: Path) -> None:
    speaker, queue = SoxSpeaker(), SpeakerQueue()
    await speaker.start(queue)
    played = sox / "played"
    for expected in (1, 2):
        queue.play(PART, PCM_40_MS)
        size = expected * CHUNK_BYTES
        await until(lambda: played.exists() and played.stat().st_size >= size)  # noqa: B023
        queue.flush()
        speaker.cut()
    await speaker.stop()


def test_levels() -> None:
    assert level_of(b"") == 0.0
    assert level_of(struct.pack("<8h", *[16384] * 8)) == 0.5
