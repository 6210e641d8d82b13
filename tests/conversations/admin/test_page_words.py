"""The words of the page of a session exist in both languages, and the page uses all of them."""

import re
from pathlib import Path

import pytest
from django.utils import translation

from backend.conversations.admin.page_words import (
    BEGINNINGS,
    MODES,
    SESSION_STATUSES,
    STATES,
    STATUSES,
    WORDS,
)
from backend.conversations.chapters import Beginning, CallState
from backend.protocol.transcript.turns import TurnStatus

FOLDER = Path(__file__).resolve().parents[3] / "backend" / "conversations"
_TEMPLATES = "templates/conversations/admin"
PAGES = (
    *(f"{_TEMPLATES}/{name}.html" for name in ("transcript", "calls", "spent", "reviews")),
    *(f"admin/{name}.py" for name in ("page_turns", "session_page", "session_reviews")),
)

ALL = [
    word
    for table in (WORDS, BEGINNINGS, STATES, STATUSES, SESSION_STATUSES, MODES)
    for word in table.values()
]


@pytest.mark.parametrize("word", ALL, ids=str)
def test_each_word_has_both_languages_with_the_same_names(word: str) -> None:
    with translation.override("en"):
        english = str(word)
    with translation.override("ja"):
        japanese = str(word)
    assert english.strip() and english.isascii()
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", japanese)
    assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", japanese))


def test_every_word_is_used_and_every_used_word_exists() -> None:
    pages = "".join((FOLDER / path).read_text(encoding="utf-8") for path in PAGES)
    in_code = " ".join(re.findall(r"WORDS\[([^]]*)\]", pages))
    kinds = {"audio", "text", "image"}  # `page_turns` looks them up by a variable
    used = {*re.findall(r"words\.(\w+)", pages), *re.findall(r'"(\w+)"', in_code), *kinds}
    assert used == set(WORDS)


def test_every_state_has_words() -> None:
    assert set(BEGINNINGS) == set(Beginning)
    assert set(STATES) == set(CallState) - {CallState.ENDED}
    assert set(STATUSES) == set(TurnStatus) - {TurnStatus.COMPLETED}
    assert set(SESSION_STATUSES) == {"open", "live", "closed"} and set(MODES) == {True, False}
