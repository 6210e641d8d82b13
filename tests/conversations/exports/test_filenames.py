"""File names: of any title, safe on every system, and carried whole by the header."""

from email.message import Message

import pytest

from backend.conversations.exports.filenames import content_disposition, filename
from tests.conversations.equipment import NOON


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Bread", "Bread 2026-01-02.txt"),
        ("パンの話", "パンの話 2026-01-02.txt"),
        ("", "Kaiwa 2026-01-02.txt"),
        (" .. ", "Kaiwa 2026-01-02.txt"),
        ("../../etc/passwd", "etc passwd 2026-01-02.txt"),
        ('a/b\\c:d*e?f"g<h>i|j', "a b c d e f g h i j 2026-01-02.txt"),
        ("a\r\nSet-Cookie: x=1\0", "a Set-Cookie x=1 2026-01-02.txt"),
        ("harmless\u202efdp.exe", "harmless fdp.exe 2026-01-02.txt"),
        ("カ\u3099", "ガ 2026-01-02.txt"),
        ("CON", "CON 2026-01-02.txt"),
        ("\ud800x", "x 2026-01-02.txt"),
    ],
    ids=ascii,
)
def test_a_name_is_the_title_without_what_a_system_forbids(title: str, name: str) -> None:
    assert filename(title, NOON, "txt") == name


def test_a_long_title_is_cut_between_characters() -> None:
    name = filename("話" * 200, NOON, "json")
    assert len(name.encode()) <= 200
    assert name == f"{'話' * 60} 2026-01-02.json"


@pytest.mark.parametrize(
    ("character", "count"),
    [("🇯🇵", 22), ("ｸ\uff9e", 30), ("👩\u200d👩\u200d👧", 10), ("न\u094dद\u0940", 15)],
)
def test_a_long_title_is_cut_between_whole_characters(character: str, count: int) -> None:
    assert filename(character * 50, NOON, "txt") == f"{character * count} 2026-01-02.txt"


def test_a_joiner_stays_inside_a_character_only() -> None:
    name = filename("👩\u200d👧 \u200d می\u200cخواهم", NOON, "txt")
    assert name == "👩\u200d👧 می\u200cخواهم 2026-01-02.txt"


@pytest.mark.parametrize("name", ["Bread 2026-01-02.txt", "パン 2026-01-02.txt", "50% a'b ü.csv"])
def test_the_header_carries_the_name(name: str) -> None:
    header = content_disposition(name, "kaiwa.txt")
    assert header.isascii()
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert header == f'attachment; filename="{name}"' or 'filename="kaiwa.txt";' in header
    carried = Message()
    carried["Content-Disposition"] = header.replace('filename="kaiwa.txt"; ', "")
    assert carried.get_filename() == name
