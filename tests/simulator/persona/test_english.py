"""The script in English."""

import re

from backend.simulator.persona.english import LINES, PHRASES


def test_what_is_spoken_is_written_out() -> None:
    for line in [*PHRASES, *(line for group in LINES.values() for line in group)]:
        assert line.reading == line.caption
        assert re.fullmatch(r"[A-Za-z ,.?!:'-]+", line.caption), line.caption


def test_every_sentence_ends() -> None:
    for line in [*PHRASES, *(line for group in LINES.values() for line in group)]:
        assert line.caption[-1] in ".?!:"
        assert "  " not in line.caption
