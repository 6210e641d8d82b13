"""Usernames that look the same are normalised to the same text."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.usernames import UsernameTaken, check_new_username, normalised_username


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


@pytest.mark.django_db
def test_a_new_name_is_wellformed_and_free_in_any_case() -> None:
    User.objects.create(username="Aoi")
    check_new_username("aoi2")
    with pytest.raises(UsernameTaken):
        check_new_username("aOI")
    with pytest.raises(ValidationError):
        check_new_username("no spaces")
