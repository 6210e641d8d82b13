"""One spelling for every way to type a name."""

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
        # In NFKC it begins with a space.
        ("\u00b4aoi", "\u0301aoi"),
    ],
)
def test_what_looks_the_same_is_the_same(typed: str, spelling: str) -> None:
    assert normalised_username(typed) == spelling


@given(typed=st.text())
def test_a_spelling_is_its_own(typed: str) -> None:
    assert normalised_username(normalised_username(typed)) == normalised_username(typed)
