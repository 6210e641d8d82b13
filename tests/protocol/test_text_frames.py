"""Whole text frames, against the library's own frames."""

import pytest
from websockets.frames import Frame, Opcode

from backend.protocol.text_frames import text_extent, text_head

LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536)
MASK = b"\x01\x02\x03\x04"


def frame(length: int, *, is_masked: bool, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    return Frame(opcode, b"x" * length, fin).serialize(mask=is_masked, extensions=[])


@pytest.mark.parametrize("is_masked", [True, False])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_extent_is_that_of_the_librarys_frame(length: int, is_masked: bool) -> None:
    data = b"before" + frame(length, is_masked=is_masked)
    extent = text_extent(data, 6, is_masked=is_masked)
    assert extent == (len(data) - length, len(data))


@pytest.mark.parametrize("is_masked", [True, False])
@pytest.mark.parametrize("length", LENGTHS)
def test_the_head_is_that_of_the_librarys_frame(length: int, is_masked: bool) -> None:
    whole = frame(length, is_masked=is_masked)
    head = text_head(length, MASK if is_masked else b"")
    mask_bytes = len(MASK) if is_masked else 0
    assert head[: len(head) - mask_bytes] == whole[: len(whole) - length - mask_bytes]
    assert head[len(head) - mask_bytes :] == (MASK if is_masked else b"")


@pytest.mark.parametrize("length", LENGTHS)
def test_a_head_that_is_not_whole_has_no_extent(length: int) -> None:
    head = text_head(length)
    for size in range(len(head)):
        assert text_extent(head[:size], 0, is_masked=False) is None
    assert text_extent(head, 0, is_masked=False) is not None


@pytest.mark.parametrize(
    ("data", "is_masked"),
    [
        (frame(5, is_masked=False, fin=False), False),
        (frame(5, is_masked=False, opcode=Opcode.BINARY), False),
        (frame(5, is_masked=False, opcode=Opcode.CONT), False),
        (frame(5, is_masked=False, opcode=Opcode.PING), False),
        (frame(5, is_masked=False, opcode=Opcode.CLOSE), False),
        (bytes([0xC1, 5]) + b"extra", False),
        (bytes([0x81, 126, 0, 5]) + b"longer", False),
        (bytes([0x81, 127, *[0] * 6, 1, 0]) + b"x" * 256, False),
        (frame(5, is_masked=True), False),
        (frame(5, is_masked=False), True),
    ],
)
def test_no_other_frame_has_an_extent(data: bytes, is_masked: bool) -> None:
    assert text_extent(data, 0, is_masked=is_masked) is None
