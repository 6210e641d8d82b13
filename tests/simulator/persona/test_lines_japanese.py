"""The script in Japanese."""

import re

from backend.simulator.persona.lines_japanese import LINES, PHRASES

EVERY_LINE = [*PHRASES, *(line for group in LINES.values() for line in group)]


def test_readings_have_kana_only() -> None:
    for line in EVERY_LINE:
        assert re.fullmatch(r"[\u3041-\u3096\u30a1-\u30fa\u30fc、。 ]+", line.reading), line.reading


def test_a_reading_has_the_sentences_and_the_katakana_of_its_caption() -> None:
    for line in EVERY_LINE:
        for kept in (r"[。？]", r"[\u30a1-\u30fa][\u30a1-\u30fa\u30fc]*"):
            assert re.findall(kept, line.reading) == re.findall(kept, line.caption), line.reading


def test_a_caption_has_no_space_and_ends_with_punctuation() -> None:
    for line in EVERY_LINE:
        assert " " not in line.caption
        assert line.caption[-1] in "。、"
        assert line.caption[-1] == line.reading[-1]
