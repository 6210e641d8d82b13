"""The live desk's words exist in both languages, and its pages use all of them."""

import re
from pathlib import Path

import pytest
from django.utils import translation

from backend.live_desk.words import WORDS

FOLDER = Path(__file__).resolve().parents[2] / "backend" / "live_desk"


@pytest.mark.parametrize("name", WORDS)
def test_each_word_has_both_languages(name: str) -> None:
    with translation.override("en"):
        english = str(WORDS[name])
    with translation.override("ja"):
        japanese = str(WORDS[name])
    assert english.strip() and english.replace("…", "").isascii()
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", japanese)


def test_every_word_is_used_and_every_used_word_exists() -> None:
    pages = "".join(
        path.read_text(encoding="utf-8") for path in [*FOLDER.rglob("*.html"), FOLDER / "admin.py"]
    )
    in_code = " ".join(re.findall(r"WORDS\[([^]]*)\]", pages))
    used = {*re.findall(r"words\.(\w+)", pages), *re.findall(r'"(\w+)"', in_code)}
    assert used == set(WORDS)
