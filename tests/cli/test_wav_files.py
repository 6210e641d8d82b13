"""WAV files of any kind become 24 kHz mono; others are refused with a sentence."""

import struct
import wave
from array import array
from pathlib import Path

import pytest

from backend.cli.failures import ExitCode, Failure
from backend.cli.wav_files import WavWriter, read_wav


def written(path: Path, frames: bytes, *, width: int = 2, channels: int = 1, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return path


def test_a_file_of_the_right_kind_is_taken_as_it_is(tmp_path: Path) -> None:
    frames = struct.pack("<3h", 1, -2, 32767)
    assert read_wav(written(tmp_path / "a.wav", frames, rate=24_000)) == frames


def test_channels_are_mixed(tmp_path: Path) -> None:
    frames = struct.pack("<4h", 100, 300, -100, -300)
    path = written(tmp_path / "a.wav", frames, channels=2, rate=24_000)
    assert read_wav(path) == struct.pack("<2h", 200, -200)


@pytest.mark.parametrize(
    ("width", "frames"),
    [
        (1, bytes([0x80, 0x90, 0x70])),
        (3, b"\xff\x00\x00\xff\x00\x10\xff\x00\xf0"),
        (4, b"\xff\xff\x00\x00\xff\xff\x00\x10\xff\xff\x00\xf0"),
    ],
)
def test_other_widths_become_16_bits(tmp_path: Path, width: int, frames: bytes) -> None:
    path = written(tmp_path / "a.wav", frames, width=width, rate=24_000)
    assert read_wav(path) == struct.pack("<3h", 0, 0x1000, -0x1000)


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    frames = array("h", [1000] * 441).tobytes()
    pcm = array("h", read_wav(written(tmp_path / "a.wav", frames, rate=44_100)))
    assert len(pcm) == pytest.approx(240, abs=15)
    assert pcm[120] == pytest.approx(1000, abs=20)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "wav_unreadable"), (b"", "wav_unreadable"), (b"ID3 no wav", "wav_unreadable")],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Failure) as refused:
        read_wav(path)
    assert refused.value.sentence == sentence
    assert refused.value.exit_code is ExitCode.USAGE


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        read_wav(written(tmp_path / "a.wav", b"", rate=24_000))
    assert refused.value.sentence == "wav_empty"


def test_a_written_file_can_be_read_also_before_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = WavWriter(path)
    writer.write(b"\1\0" * 30)
    writer.close()
    writer.close()
    assert read_wav(path) == b"\1\0" * 30


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        WavWriter(tmp_path / "none" / "a.wav")
    assert refused.value.sentence == "wav_unwritable"
