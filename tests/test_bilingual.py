"""A bilingual string is in the language of the request that shows it."""

import pytest
from django.utils import translation

from backend.bilingual import bilingual


@pytest.mark.parametrize(
    ("language", "shown"), [("en", "call"), ("ja", "通話"), ("ja-jp", "通話"), ("fr", "call")]
)
def test_it_follows_the_language_in_force(language: str, shown: str) -> None:
    word = bilingual("call", "通話")
    with translation.override(language):
        assert str(word) == shown
