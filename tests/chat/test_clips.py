"""Containers and durations of recorded clips, from bytes alone."""

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chat.clips import HEAD_BYTES, MP4, OGG, WAV, WEBM, Container, container_of, duration_s
from tests.chat import clip_files

CONTAINERS = {"wav": WAV, "ogg": OGG, "mp4": MP4, "webm": WEBM}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_known_by_its_first_bytes(name: str) -> None:
    container = container_of(clip_files.MADE[name](1)[:HEAD_BYTES])
    assert container is CONTAINERS[name]
    assert container is not None
    assert container.extension == name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0AVI LIST",
        b"\x1a\x45\xdf\xa3",
        clip_files.webm(1, document=b"matroska"),
        b"<html>ftyp",
        b"ID3\x04 a song",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"xOggS",
    ],
    ids=repr,
)
def test_anything_else_is_no_clip(content: bytes) -> None:
    assert container_of(content[:HEAD_BYTES]) is None


@pytest.mark.parametrize(
    ("container", "content", "seconds"),
    [
        (WAV, clip_files.wav(2.5), 2.5),
        (WAV, clip_files.endless_wav(2.5), 2.5),
        (OGG, clip_files.ogg_opus(301), 301),
        (OGG, clip_files.ogg_vorbis(12.5), 12.5),
        (MP4, clip_files.mp4(7.25), 7.25),
        (MP4, clip_files.mp4(7.25, is_long=True), 7.25),
        (WEBM, clip_files.webm(301), 301),
        (WEBM, clip_files.webm(4.5, has_duration=True), 4.5),
    ],
)
def test_the_duration_is_read_from_the_container(
    container: Container, content: bytes, seconds: float
) -> None:
    assert duration_s(container, io.BytesIO(content)) == pytest.approx(seconds, abs=0.02)


@pytest.mark.parametrize(
    ("container", "content"),
    [
        (WAV, clip_files.wav(1)[:20]),
        (WAV, clip_files.wav(1).replace(b"fmt ", b"junk")),
        (OGG, b"OggS" + bytes(60)),
        (MP4, clip_files.mp4(0)),
        (MP4, clip_files.mp4(1)[:40]),
        (MP4, clip_files.mp4(1, timescale=0)),
        (WEBM, clip_files.webm(1)[:40]),
        (WEBM, clip_files.webm(-1e6, has_duration=True)),
        (WEBM, clip_files.webm(math.nan, has_duration=True)),
        (WEBM, clip_files.webm(math.inf, has_duration=True)),
        (WEBM, clip_files.webm(-math.inf, has_duration=True)),
    ],
)
def test_a_duration_that_is_not_stated_is_none(container: Container, content: bytes) -> None:
    assert duration_s(container, io.BytesIO(content)) is None


@given(st.sampled_from(sorted(CONTAINERS)), st.binary(max_size=300), st.integers(0, 300))
def test_a_damaged_clip_raises_nothing(name: str, damage: bytes, at: int) -> None:
    made = clip_files.MADE[name](1)
    damaged = made[:at] + damage + made[at + len(damage) :]
    duration = duration_s(CONTAINERS[name], io.BytesIO(damaged))
    assert duration is None or 0 <= duration < math.inf
