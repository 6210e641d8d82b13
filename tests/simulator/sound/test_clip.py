"""Recorded audio files: containers, and WAV to PCM16 mono 24 kHz."""

import io
import struct
import wave

import numpy as np
import pytest

from backend.simulator.sound.clip import (
    MAX_DECODED_MS,
    UnreadableWav,
    container_of,
    decode_wav,
)
from tests.simulator.equipment import speech


def wav(pcm: bytes, rate: int = 24_000, channels: int = 1, sample_bytes: int = 2) -> bytes:
    """A WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(sample_bytes)
        file.setframerate(rate)
        file.writeframes(pcm)
    return held.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (wav(b""), "wav"),
        (b"\x1a\x45\xdf\xa3\x01", "webm"),
        (b"OggS\0", "ogg"),
        (b"\0\0\0\x20ftypM4A ", "mp4"),
        (b"fLaC", "flac"),
        (b"ID3\x04", "mp3"),
        (b"", None),
        (b"hello, this is text", None),
    ],
)
def test_the_container_is_known_by_its_first_bytes(data: bytes, name: str | None) -> None:
    assert container_of(data) == name


def test_pcm16_mono_24_khz_is_kept_as_it_is() -> None:
    pcm = speech(500)
    assert decode_wav(wav(pcm)).pcm == pcm
    assert decode_wav(wav(pcm)).duration_ms == 500


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (16_000, 1), (8_000, 2)])
def test_other_rates_and_channels_become_mono_24_khz(rate: int, channels: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate) * 16_000
    samples = np.repeat(tone.astype("<i2"), channels)
    decoded = decode_wav(wav(samples.tobytes(), rate, channels))
    assert decoded.duration_ms == 1_000
    heard = np.frombuffer(decoded.pcm, dtype="<i2").astype(float)
    assert len(heard) == 24_000
    assert np.argmax(np.abs(np.fft.rfft(heard))) == 440
    assert 15_000 < np.abs(heard[1_000:-1_000]).max() < 17_000


def test_only_the_beginning_of_a_long_clip_is_decoded() -> None:
    decoded = decode_wav(wav(bytes(48 * 60_000)))
    assert decoded.duration_ms == 60_000
    assert len(decoded.pcm) == 48 * MAX_DECODED_MS


def test_a_header_that_announces_too_much_is_read_to_the_end() -> None:
    data = bytearray(wav(speech(500)))
    data[40:44] = struct.pack("<I", 2**31)
    data[4:8] = struct.pack("<I", 2**31)
    assert decode_wav(bytes(data)).duration_ms == 500


def test_half_a_sample_at_the_end_is_left_out() -> None:
    assert decode_wav(wav(speech(500))[:-1]).pcm == speech(500)[:-2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        wav(bytes(1_000), sample_bytes=1),
        wav(bytes(3_000), sample_bytes=3),
        wav(bytes(1_000), rate=1),
        wav(bytes(1_000), rate=1_000_000),
        wav(b"")[:30],
    ],
)
def test_what_is_no_readable_wav_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableWav):
        decode_wav(data)
