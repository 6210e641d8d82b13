"""Keys in, lines out."""

import pytest

from backend.cli.line_editor import LineEditor


@pytest.mark.parametrize(
    ("keys", "lines", "text"),
    [
        (b"hello\n", ["hello"], ""),
        (b"one\ntwo\rthr", ["one", "two"], "thr"),
        (b"helx\x7flo\r", ["hello"], ""),
        (b"one two\x17x", [], "onex"),
        (b"gone\x15back", [], "back"),
        (b"\n  \n", [], ""),
        (b"a\x1b[Ab\x1b[1;5Cc\x1bOPd\x1bxe", [], "abcde"),
        (b"a\x01\x00\tb", [], "ab"),
        ("はい\n".encode(), ["はい"], ""),
    ],
)
def test_the_line_is_edited(keys: bytes, lines: list[str], text: str) -> None:
    editor = LineEditor()
    assert editor.feed(keys) == lines
    assert editor.text == text


def test_a_character_may_come_byte_by_byte() -> None:
    editor = LineEditor()
    lines = [line for byte in "会話\n".encode() for line in editor.feed(bytes([byte]))]
    assert lines == ["会話"]


def test_ctrl_d_ends_only_an_empty_line() -> None:
    editor = LineEditor()
    editor.feed(b"a\x04")
    assert not editor.has_ended
    editor.feed(b"\n\x04")
    assert editor.has_ended
