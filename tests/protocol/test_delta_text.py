"""Deltas joined to whole characters."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.delta_text import DeltaText
from backend.protocol.reading import clean_text


def joined(deltas: Sequence[str]) -> list[str]:
    text = DeltaText()
    return [text.add(delta) for delta in deltas]


@pytest.mark.parametrize(
    ("deltas", "pieces"),
    [
        (["Nice ", "\ud83d", "\ude00 ok"], ["Nice ", "", "😀 ok"]),
        (["Nice \ud83d", "", "\ude00 ok"], ["Nice ", "", "😀 ok"]),
        (["\ud83d", "\ude00\ud83d", "\ude00"], ["", "😀", "😀"]),
        (["Nice \ud83d", " ok", "\ude00"], ["Nice ", " ok", ""]),
        (["\ud83d", "\ud83d", "\ude00"], ["", "", "😀"]),
        (["\ude00 ok \ud83d"], [" ok "]),
        (["\ud83d", "日", "\0本"], ["", "日", "本"]),
        (["\ud83d", "\0\ude00"], ["", ""]),
        (["日本", "", "a\0b"], ["日本", "", "ab"]),
    ],
    ids=ascii,
)
def test_a_half_waits_for_its_other_half(deltas: list[str], pieces: list[str]) -> None:
    assert joined(deltas) == pieces


@given(
    st.lists(st.text(st.sampled_from("a\0é日😀\ud83d\ude00\udfb7\ud842"), max_size=3), max_size=8)
)
def test_a_text_is_the_same_however_it_is_divided(deltas: list[str]) -> None:
    assert "".join(joined(deltas)) == clean_text("".join(deltas))
