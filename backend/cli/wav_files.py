"""WAV files: any PCM file as 24 kHz mono in, 24 kHz mono out.

`wave` reads PCM of 8, 16, 24 and 32 bits; it refuses other codecs. Compressed files are the work of
other programs, such as `ffmpeg -i clip.mp3 clip.wav`.
"""

from __future__ import annotations

import sys
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path

from backend.cli.failures import ExitCode, Failure
from backend.cli.resampling import Resampler
from backend.protocol.audio import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ


def read_wav(path: Path) -> bytes:
    """The sound of this file as PCM16, 24 kHz, mono, little endian.

    Raises Failure (USAGE): the file is missing, is no WAV file or holds no sound.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise Failure(ExitCode.USAGE, "wav_unreadable", path=path, reason=error) from error
    mono = _mixed(_as_16_bit(frames, width), channels)
    resampler = Resampler(rate, SAMPLE_RATE_HZ)
    samples = resampler.feed(mono) + resampler.flush()
    if not samples:
        raise Failure(ExitCode.USAGE, "wav_empty", path=path)
    return _little_endian(samples).tobytes()


class WavWriter:
    """Writes PCM16, 24 kHz, mono to a file; its header is right after each write.

    Raises Failure (USAGE) if the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._raw = path.open("wb")
        except OSError as error:
            raise Failure(ExitCode.USAGE, "wav_unwritable", path=path, reason=error) from error
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115
        self._file.setnchannels(1)
        self._file.setsampwidth(BYTES_PER_SAMPLE)
        self._file.setframerate(SAMPLE_RATE_HZ)
        self._file.writeframes(b"")

    def write(self, pcm: bytes) -> None:
        """Append this sound."""
        self._file.writeframes(pcm)

    def close(self) -> None:
        """Close the file. Harmless when closed."""
        self._file.close()
        self._raw.close()


def _as_16_bit(frames: bytes, width: int) -> array[int]:
    """The samples as 16 bits: 8 bits are unsigned, of more the upper 16 bits are taken."""
    if width == 1:
        return array("h", [(value - 128) << 8 for value in frames])
    whole = len(frames) // width * width
    upper = bytearray(whole // width * BYTES_PER_SAMPLE)
    upper[0::2] = frames[width - 2 : whole : width]
    upper[1::2] = frames[width - 1 : whole : width]
    return _little_endian(array("h", bytes(upper)))


def _mixed(samples: array[int], channels: int) -> Sequence[int]:
    if channels == 1:
        return samples
    tracks = [samples[channel::channels] for channel in range(channels)]
    return array("h", [sum(values) // channels for values in zip(*tracks, strict=False)])


def _little_endian(samples: array[int]) -> array[int]:
    """Swap the bytes on a big-endian machine; doing it twice changes nothing."""
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
