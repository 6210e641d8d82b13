"""PCM16 arithmetic, against the base64 codec."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.audio import bytes_of_base64, ms_of_base64, ms_of_bytes


def test_a_second_is_48000_bytes() -> None:
    assert ms_of_bytes(48_000) == 1000


@given(st.binary(max_size=100))
def test_the_byte_count_follows_from_the_length_of_base64(sound: bytes) -> None:
    assert bytes_of_base64(base64.b64encode(sound).decode()) == len(sound)


def test_base64_of_forty_milliseconds_lasts_forty_milliseconds() -> None:
    assert ms_of_base64(base64.b64encode(bytes(1920)).decode()) == 40


@pytest.mark.parametrize("broken", ["", "=", "==", "===="])
def test_invalid_base64_never_has_a_negative_length(broken: str) -> None:
    assert bytes_of_base64(broken) >= 0
    assert ms_of_base64("") == 0


def test_the_milliseconds_of_pieces_that_divide_a_sample_are_those_of_the_whole() -> None:
    pieces = [base64.b64encode(bytes(size)).decode() for size in (8_001, 8_001, 7_998)]
    assert sum(map(ms_of_base64, pieces)) == 500
