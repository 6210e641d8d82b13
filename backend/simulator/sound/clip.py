"""PURE: recorded audio files: the container by its first bytes, and WAV to PCM16 mono 24 kHz."""

import io
import wave
from dataclasses import dataclass
from typing import Final

import numpy as np

from backend.simulator.sound import waveform

MAX_DECODED_MS: Final = 15_000
"""Only the beginning of a clip is decoded: no phrase is longer, and resampling 1 s takes 5 MB."""
_RATES: Final = range(8_000, 192_001)
_CONTAINERS: Final = (
    (0, b"\x1a\x45\xdf\xa3", "webm"),
    (0, b"OggS", "ogg"),
    (4, b"ftyp", "mp4"),
    (8, b"WAVE", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
)
"""Offset, the bytes there, and the name."""


class UnreadableWav(Exception):
    """The file is no WAV of PCM16 from 8 to 192 kHz."""


@dataclass(frozen=True, slots=True)
class Clip:
    """PCM16 mono 24 kHz of at most `MAX_DECODED_MS`; `duration_ms` is that of the whole file."""

    pcm: bytes
    duration_ms: int


def container_of(data: bytes) -> str | None:
    """The container's name by its first bytes; None if it is none that is known."""
    return next(
        (name for offset, magic, name in _CONTAINERS if data.startswith(magic, offset)), None
    )


def decode_wav(data: bytes) -> Clip:
    """Decode a WAV file; several channels are averaged. Raises UnreadableWav."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, rate = file.getnchannels(), file.getframerate()
            if file.getsampwidth() != 2 or rate not in _RATES or channels < 1:
                raise UnreadableWav
            frame_bytes = 2 * channels
            # The header of a recording that was streamed may announce more than there is.
            frames = file.readframes(min(file.getnframes(), len(data)))
    except (wave.Error, EOFError) as error:
        raise UnreadableWav from error
    count = len(frames) // frame_bytes
    kept = min(count, rate * MAX_DECODED_MS // 1000)
    samples = np.frombuffer(frames, dtype="<i2", count=kept * channels).reshape(kept, channels)
    mono = (samples.astype(np.float32).mean(axis=1) / np.float32(32768)).astype(np.float32)
    if rate == waveform.RATE and channels == 1:
        pcm = samples.tobytes()
    else:
        pcm = waveform.to_pcm16(waveform.resample(mono, rate)) if kept else b""
    return Clip(pcm, count * 1000 // rate)
