"""Audio clips in the four containers, built byte by byte, so that no recording is stored here."""

import io
import struct
import wave
from typing import Any


def wav(seconds: float, rate_hz: int = 16_000, *, pcm: bytes | None = None) -> bytes:
    """A WAV file of mono PCM16: silence, or this audio."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate_hz)
        written.writeframes(pcm if pcm is not None else bytes(int(seconds * rate_hz) * 2))
    return file.getvalue()


def endless_wav(seconds: float) -> bytes:
    """A WAV file as a stream writes it: its sizes are not known."""
    made = wav(seconds)
    return made[:4] + b"\xff" * 4 + made[8:40] + b"\xff" * 4 + made[44:]


def _page(granule: int, content: bytes) -> bytes:
    head = struct.pack("<4sxBqIIIB", b"OggS", 0, granule, 1, 0, 0, 1)
    return head + bytes([len(content)]) + content


def ogg_opus(seconds: float, skipped: int = 312) -> bytes:
    """An Ogg file with Opus: two pages of headers, and a last page with the position."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, skipped, 48_000, 0, 0)
    last = int(seconds * 48_000) + skipped
    return _page(0, head) + _page(0, b"OpusTags") + _page(last, bytes(40))


def ogg_vorbis(seconds: float, rate_hz: int = 44_100) -> bytes:
    head = b"\x01vorbis" + struct.pack("<IBI12xBB", 0, 1, rate_hz, 0, 1)
    return _page(0, head) + _page(int(seconds * rate_hz), bytes(40))


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def mp4(seconds: float, timescale: int = 1000, *, is_long: bool = False) -> bytes:
    """An MP4 file with its header after the audio; 0 seconds stand for a fragmented file."""
    ticks = int(seconds * timescale)
    layout, version = (">B3xQQIQ", 1) if is_long else (">B3xIIII", 0)
    header = struct.pack(layout, version, 0, 0, timescale, ticks) + bytes(80)
    free, moov = _box(b"free", b""), _box(b"moov", _box(b"mvhd", header))
    return _box(b"ftyp", b"M4A \0\0\0\0") + free + _box(b"mdat", bytes(500)) + moov


def _element(name: int, content: bytes, *, is_endless: bool = False) -> bytes:
    size = b"\x01" + b"\xff" * 7 if is_endless else struct.pack(">I", len(content) | 0x10000000)
    return name.to_bytes((name.bit_length() + 7) // 8) + size + content


def webm(seconds: float, *, has_duration: bool = False, document: bytes = b"webm") -> bytes:
    """A WebM file as MediaRecorder streams it: clusters of a second, blocks of 20 ms, no sizes."""
    head = b"\x1a\x45\xdf\xa3" + bytes([0x80 + 3 + len(document)]) + b"\x42\x82"
    head += bytes([0x80 + len(document)]) + document
    info = _element(0x2AD7B1, (1_000_000).to_bytes(3))
    if has_duration:
        info += _element(0x4489, struct.pack(">d", seconds * 1000))
    body = _element(0x1549A966, info) + _element(0x1654AE6B, b"tracks")
    blocks = [] if has_duration else range(0, int(seconds * 1000) + 1, 20)
    for at_ms in blocks:
        if at_ms % 1000 == 0:
            body += _element(0x1F43B675, b"", is_endless=True)
            body += _element(0xE7, at_ms.to_bytes(4))
        body += _element(0xA3, struct.pack(">BhB", 0x81, at_ms % 1000, 0x80) + bytes(12))
    return head + _element(0x18538067, b"", is_endless=True) + body


def multipart(content: bytes, name: str = "file", file_name: str = "clip") -> tuple[bytes, str]:
    """A multipart body with one file, and its Content-Type."""
    boundary = "clip-boundary"
    head = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    start = f"--{boundary}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n"
    body = start.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


MADE: dict[str, Any] = {"wav": wav, "ogg": ogg_opus, "mp4": mp4, "webm": webm}
"""By file extension: a function that makes a clip of so many seconds."""
