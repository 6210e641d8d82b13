"""PCM16 arithmetic, against the base64 codec."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.audio import bytes_of_base64, bytes_of_ms, ms_of_base64, ms_of_bytes


def test_a_second_is_48000_bytes() -> None:
    assert bytes_of_ms(1000) == 48_000
    assert ms_of_bytes(48_000) == 1000


@pytest.mark.parametrize(("ms", "byte_count"), [(0, 0), (0.04, 0), (0.05, 2), (0.1, 4), (40, 1920)])
def test_only_whole_samples_are_counted(ms: float, byte_count: int) -> None:
    assert bytes_of_ms(ms) == byte_count


@given(st.binary(max_size=100))
def test_the_byte_count_follows_from_the_length_of_base64(sound: bytes) -> None:
    assert bytes_of_base64(base64.b64encode(sound).decode()) == len(sound)


def test_base64_of_forty_milliseconds_lasts_forty_milliseconds() -> None:
    assert ms_of_base64(base64.b64encode(bytes(1920)).decode()) == 40


@pytest.mark.parametrize("broken", ["", "=", "==", "===="])
def test_invalid_base64_never_has_a_negative_length(broken: str) -> None:
    assert bytes_of_base64(broken) >= 0
    assert ms_of_base64("") == 0
