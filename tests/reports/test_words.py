"""The words of the numbers exist in both languages, and the page uses all of them."""

import re
from pathlib import Path

from django.utils import translation

from backend.reports.query import PERIODS, Group
from backend.reports.words import WORDS

FOLDER = Path(__file__).resolve().parents[2] / "backend" / "reports"
CHARTS = ("calls", "minutes", "cost", "latency", "endings")


def test_each_word_has_both_languages() -> None:
    for name, word in WORDS.items():
        with translation.override("en"):
            assert str(word).strip() and str(word).isascii(), name
        with translation.override("ja"):
            assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", str(word)), name


def test_every_word_is_used_and_every_used_word_exists() -> None:
    files = [*FOLDER.rglob("*.html"), *(FOLDER / f"{n}.py" for n in ("admin", "charts", "report"))]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    used = {*re.findall(r"words\.(\w+)", text), *re.findall(r"WORDS\[['\"](\w+)['\"]\]", text)}
    used |= {f"{chart}_{part}" for chart in CHARTS for part in ("title", "note")}
    used |= {f"days_{days}" for days in PERIODS} | {f"group_{group}" for group in Group}
    assert used == set(WORDS)
