"""The words of the list exist in both languages."""

import re

import pytest
from django.utils import translation

from backend.conversations.admin.list_words import MODES, WORDS

_SAME = {"none"}


@pytest.mark.parametrize("name", sorted(WORDS))
def test_each_word_is_in_english_and_japanese(name: str) -> None:
    with translation.override("en"):
        english = str(WORDS[name])
    with translation.override("ja"):
        japanese = str(WORDS[name])
    assert english
    assert name in _SAME or english != japanese
    assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", japanese))


def test_each_mode_has_a_sign_and_a_word() -> None:
    assert {sign for sign, _ in MODES.values()} == {"🎤", "💬"}
