"""Boundaries between characters as people see them."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.graphemes import (
    _STARTER,
    cluster_end,
    cluster_start,
    clusters,
    cut,
    without_invisible,
)
from tests.graphemes import CASES, Case

FAMILY = "👩\u200d👩\u200d👧"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


def test_there_are_cases() -> None:
    assert len(CASES) >= 20
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_character_is_never_divided(case: Case) -> None:
    assert clusters(case.text) == case.characters
    for position in range(len(case.text) + 3):
        before = [each for each in case.boundaries if each <= position]
        after = [each for each in case.boundaries if each >= position]
        assert cluster_start(case.text, position) == before[-1]
        assert cluster_end(case.text, position) == (after or [len(case.text)])[0]
        assert cut(case.text, position) == case.text[: before[-1]]


_PIECES = [
    "a",
    " ",
    "か",
    "一",
    "、",
    "\u3099",
    "\u200d",
    "👍",
    "🏽",
    "🇯",
    "\r",
    "\n",
    "क",
    "\u094d",
    "\u0600",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join), st.integers(0, 15))
def test_a_boundary_is_found_without_reading_the_text_before(text: str, position: int) -> None:
    ends = [0, *(match.end() for match in regex.finditer(r"\X", text))]
    assert cluster_start(text, position) == max(each for each in ends if each <= position)
    assert cluster_end(text, position) == min((e for e in ends if e >= position), default=len(text))


def test_a_starter_begins_a_character_behind_everything_but_a_prepended_mark() -> None:
    starters = [each for each in map(chr, range(0x20000)) if _STARTER.match(each)]
    assert len(starters) > 20_000
    assert clusters("".join(starters)) == starters
    for before in ("a", "\r", "\u200d", "👩\u200d", "क\u094d", "🇯", "\u1100", "가", "\u0e40"):
        text = before + before.join(starters[::50])
        ends = {match.end() for match in regex.finditer(r"\X", text)}
        assert ends >= {place + len(before) for place in range(0, len(text), len(before) + 1)}
    assert not _STARTER.match("\u0600a", 1)


def test_many_flags_are_found_in_time_that_grows_as_their_number() -> None:
    assert clusters("🇯🇵" * 50_000) == ["🇯🇵"] * 50_000


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Bread 日本", "Bread 日本"),
        ("a\u202eb\tc\x00d\u200be", "a b c d e"),
        (f"{FAMILY} trip", f"{FAMILY} trip"),
        (SCOTLAND, SCOTLAND),
        ("a\U000e0068\U000e0069", "a  "),
        ("\u200d\u200c", "  "),
        (" \u200d", "  "),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("", ""),
    ],
    ids=ascii,
)
def test_only_what_cannot_be_seen_becomes_a_space(text: str, seen: str) -> None:
    assert without_invisible(text) == seen
