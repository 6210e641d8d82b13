"""Usernames that look the same are normalised to the same text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.usernames import normalised_username


@pytest.mark.parametrize(
    ("typed", "spelling"),
    [
        ("aoi", "aoi"),
        ("Ｔａｒｏ", "Taro"),
        ("ﾀﾛｳ", "タロウ"),
        ("ﬃ", "ffi"),
        (" aoi\u3000", "aoi"),
        # Its NFKC form begins with a space.
        ("\u00b4aoi", "\u0301aoi"),
    ],
)
def test_names_that_look_the_same_are_normalised_alike(typed: str, spelling: str) -> None:
    assert normalised_username(typed) == spelling


@given(typed=st.text())
def test_normalising_is_idempotent(typed: str) -> None:
    assert normalised_username(normalised_username(typed)) == normalised_username(typed)
