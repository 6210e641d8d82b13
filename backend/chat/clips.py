"""Detects the container of an audio clip by its first bytes, and reads its duration.

The type is read from the content, never from a file's name or a request's header, because both are
chosen by the client. `MediaRecorder` writes WebM (Chromium, Firefox), MP4 (Safari, Chromium) and
Ogg (Firefox); WAV is what programs send.
"""

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_CLIP_BYTES = 25 * 1024 * 1024
"""The provider's limit for a file."""
MAX_CLIP_S = 300
HEAD_BYTES = 64
"""How many bytes of the start of a file `container_of` needs."""


@dataclass(frozen=True, slots=True)
class Container:
    """A file format. The provider detects the format by the extension of the file name."""

    extension: str
    content_type: str


WEBM = Container("webm", "audio/webm")
MP4 = Container("mp4", "audio/mp4")
OGG = Container("ogg", "audio/ogg")
WAV = Container("wav", "audio/wav")

_SIGNATURES: tuple[tuple[Container, tuple[tuple[int, bytes], ...]], ...] = (
    (WEBM, ((0, b"\x1a\x45\xdf\xa3"),)),
    (MP4, ((4, b"ftyp"),)),
    (OGG, ((0, b"OggS"),)),
    (WAV, ((0, b"RIFF"), (8, b"WAVE"))),
)
"""For each container: offsets and the bytes that a file of this format has there."""

_WEBM_DOCUMENT_TYPE = b"\x42\x82\x84webm"
"""The EBML element DocType with the value `webm`; other Matroska files have another value."""


def container_of(head: bytes) -> Container | None:
    """The container of a file that begins with these bytes; None if it is none of the four."""
    for container, pieces in _SIGNATURES:
        if all(head[at : at + len(piece)] == piece for at, piece in pieces):
            is_other_matroska = container is WEBM and _WEBM_DOCUMENT_TYPE not in head[:HEAD_BYTES]
            return None if is_other_matroska else container
    return None


def duration_s(container: Container, file: BinaryIO) -> float | None:
    """The clip's duration in seconds, as its container states it.

    None if the container states none: Safari's fragmented MP4, for example, has no duration in its
    header. Then only the file's size limits the clip. Reads headers and seeks over the audio. For a
    damaged file, returns None or the duration of the part that could be read. The client writes the
    header: a duration below zero, or that is no number, counts as not stated.
    """
    try:
        seconds = _DURATIONS[container](file)
    except (struct.error, ZeroDivisionError, OverflowError):
        return None
    is_duration = seconds is not None and math.isfinite(seconds) and seconds >= 0
    return seconds if is_duration else None


def _size_of(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _wav_s(file: BinaryIO) -> float | None:
    """The size of the data chunk divided by the bytes per second.

    A stream states the size as 0 or 2**32 - 1; then the data extends to the end of the file.
    """
    end = _size_of(file)
    at, bytes_per_s = 12, 0
    while at + 8 <= end:
        name, size = struct.unpack("<4sI", _read(file, at, 8))
        at += 8
        if name == b"fmt ":
            (bytes_per_s,) = struct.unpack("<8xI", _read(file, at, 12))
        elif name == b"data":
            return float(min(size or end, end - at) / bytes_per_s)
        at += size + size % 2
    return None


_OGG_TAIL_BYTES = 65_307
"""The maximum size of an Ogg page."""


def _ogg_s(file: BinaryIO) -> float | None:
    """The last page's granule position divided by the codec's rate.

    For Opus (RFC 7845) the rate is always 48 kHz, and the pre-skip is subtracted first.
    """
    first = _read(file, 0, 256)
    opus, vorbis = first.find(b"OpusHead"), first.find(b"\x01vorbis")
    pre_skip = 0
    if opus >= 0:
        rate_hz = 48_000
        (pre_skip,) = struct.unpack("<10xH", first[opus : opus + 12])
    elif vorbis >= 0:
        (rate_hz,) = struct.unpack("<12xI", first[vorbis : vorbis + 16])
    else:
        return None
    tail = _read(file, max(0, _size_of(file) - _OGG_TAIL_BYTES), _OGG_TAIL_BYTES)
    (granule,) = (
        struct.unpack("<6xq", tail[tail.rindex(b"OggS") :][:14]) if b"OggS" in tail else (-1,)
    )
    return None if granule < 0 else float(max(0, granule - pre_skip) / rate_hz)


def _mp4_s(file: BinaryIO) -> float | None:
    """The duration in the movie header (`mvhd`), where a fragmented file has 0."""
    for name, at, end in _boxes(file, 0, _size_of(file)):
        if name == b"moov":
            for inner, start, _ in _boxes(file, at, end):
                if inner == b"mvhd":
                    return _movie_header_s(_read(file, start, 32))
    return None


def _movie_header_s(header: bytes) -> float | None:
    layout = ">20xIQ" if header[:1] == b"\x01" else ">12xII"
    timescale, duration = struct.unpack(layout, header[: struct.calcsize(layout)])
    # All ones: the duration is not known.
    is_known = 0 < duration < (2**64 if layout == ">20xIQ" else 2**32) - 1
    return float(duration / timescale) if is_known else None


_MAX_ELEMENTS = 100_000
"""The maximum number of boxes or elements read in one file.
Five minutes of Opus are 15,000 blocks of 20 ms."""


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two offsets: name, first byte of the content, end."""
    for _ in range(_MAX_ELEMENTS):
        if at + 8 > end:
            return
        size, name = struct.unpack(">I4s", _read(file, at, 8))
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", _read(file, at + 8, 8))
            header = 16
        if size == 0:
            size = end - at
        if size < header:
            return
        yield name, at + header, min(at + size, end)
        at += size


_SEGMENT, _INFO, _CLUSTER, _BLOCK_GROUP = 0x18538067, 0x1549A966, 0x1F43B675, 0xA0
_PARENTS = frozenset((_SEGMENT, _INFO, _CLUSTER, _BLOCK_GROUP))
"""The elements whose child elements are read."""
_TIMESTAMP_SCALE, _DURATION, _TIMESTAMP, _SIMPLE_BLOCK, _BLOCK = 0x2AD7B1, 0x4489, 0xE7, 0xA3, 0xA1


def _webm_s(file: BinaryIO) -> float | None:
    """The duration in the header, or else the time of the last block.

    `MediaRecorder` writes a stream, whose header has no duration and whose segment and clusters
    have no size. A block's time is the sum of its cluster's time and its own, in ticks of
    `TimestampScale` ns.
    """
    scale_ns, cluster_ticks, last_ticks = 1_000_000, 0, None
    at, end = 0, _size_of(file)
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            break
        element = _element(_read(file, at, 12))
        if element is None:
            break
        name, size, header = element
        at += header
        if name in _PARENTS:
            continue
        if size is None:
            break
        if name == _TIMESTAMP_SCALE:
            scale_ns = int.from_bytes(_read(file, at, min(size, 8)))
        elif name == _DURATION and size in (4, 8):
            (ticks,) = struct.unpack(">f" if size == 4 else ">d", _read(file, at, size))
            return float(ticks * scale_ns / 1e9)
        elif name == _TIMESTAMP:
            cluster_ticks = int.from_bytes(_read(file, at, min(size, 8)))
        elif name in (_SIMPLE_BLOCK, _BLOCK):
            # One byte for the track's number (below 127), then the time.
            (block_ticks,) = struct.unpack(">xh", _read(file, at, 3))
            last_ticks = max(last_ticks or 0, cluster_ticks + block_ticks)
        at += size
    return None if last_ticks is None else last_ticks * scale_ns / 1e9


def _element(head: bytes) -> tuple[int, int | None, int] | None:
    """An EBML element's id, size (None: not known) and header length; None if it is damaged.

    The number of leading zero bits of the first byte, plus one, is the length of an id or a size in
    bytes. A size excludes the marker bit that follows the zeros; all ones mean an unknown size.
    """
    id_bytes = 9 - head[0].bit_length() if head else 9
    if id_bytes > 4 or len(head) <= id_bytes:
        return None
    size_bytes = 9 - head[id_bytes].bit_length()
    if size_bytes > 8 or len(head) < id_bytes + size_bytes:
        return None
    all_ones = (1 << 7 * size_bytes) - 1
    size = int.from_bytes(head[id_bytes : id_bytes + size_bytes]) & all_ones
    element_id = int.from_bytes(head[:id_bytes])
    return element_id, None if size == all_ones else size, id_bytes + size_bytes


_DURATIONS = {WEBM: _webm_s, MP4: _mp4_s, OGG: _ogg_s, WAV: _wav_s}
