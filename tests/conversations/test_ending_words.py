"""Each ending of a call has words in both languages."""

import re

import pytest
from django.utils import translation

from backend.conversations.ending_words import ENDING_WORDS, ending_words
from backend.protocol.endings import Ending


@pytest.mark.parametrize("ending", Ending)
def test_each_ending_has_words(ending: Ending) -> None:
    assert ending in ENDING_WORDS
    with translation.override("en"):
        assert str(ending_words(ending)).isascii()
    with translation.override("ja"):
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", str(ending_words(ending)))


def test_an_ending_of_a_later_version_is_shown_as_it_is() -> None:
    assert ending_words("abducted") == "abducted"
