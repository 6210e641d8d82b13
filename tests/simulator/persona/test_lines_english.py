"""The script in English."""

import re

from backend.simulator.persona.lines_english import LINES, PHRASES


def test_the_lines_have_no_digits_or_abbreviations() -> None:
    for line in [*PHRASES, *(line for group in LINES.values() for line in group)]:
        assert line.reading == line.caption
        assert re.fullmatch(r"[A-Za-z ,.?!:'-]+", line.caption), line.caption


def test_every_line_ends_with_punctuation() -> None:
    for line in [*PHRASES, *(line for group in LINES.values() for line in group)]:
        assert line.caption[-1] in ".?!:"
        assert "  " not in line.caption
