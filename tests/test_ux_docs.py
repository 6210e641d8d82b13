"""docs/ux.md: every feature that the page has names a test that exists, or a picture."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UX = (ROOT / "docs" / "ux.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in UX.splitlines()
    if line.startswith("| ") and not line.startswith("| feature |")
]


def test_every_feature_that_the_page_has_is_shown_by_something() -> None:
    assert len(ROWS) >= 29
    for feature, has_it, shown_by in ROWS:
        assert has_it in ("Y", "N"), feature
        assert has_it == "N" or re.search(r"::test_|\.test\.js|picture", shown_by), feature


def test_the_named_tests_of_python_exist() -> None:
    named = set(re.findall(r"`(tests/[\w./]+\.py)::(\w+)`", UX))
    assert len(named) > 20
    for path, name in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", source, flags=re.MULTILINE), name


def test_the_named_tests_of_the_page_exist() -> None:
    named = re.findall(r"`(tests/[\w./-]+\.test\.js)`: ((?:\"[^\"]+\"(?:, )?)+)", UX)
    assert len(named) > 8
    for path, titles in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        for title in re.findall(r'"([^"]+)"', titles):
            assert f'"{title}"' in source, (path, title)


def test_the_named_pictures_are_taken() -> None:
    tour = (ROOT / "tests" / "journeys" / "page" / "tour.py").read_text(encoding="utf-8")
    for picture in re.findall(r"picture `([\w-]+)`", UX):
        assert f'yield "{picture}"' in tour, picture
