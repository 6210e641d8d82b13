"""docs/promises.md: every promise names a test that exists, or a command that measures it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PROMISES.splitlines()
    if line.startswith("| ") and not line.startswith("| promise |")
]
NAMED = sorted(set(re.findall(r"`(tests/[\w./]+\.py)::(\w+)`", PROMISES)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(path: str, name: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {name}\(", source, flags=re.MULTILINE)


def test_every_promise_has_a_proof() -> None:
    assert len(ROWS) > 40
    assert not [
        promise
        for promise, proof, _ in ROWS
        if not re.search(r"::test_\w+`|`make [a-z-]+`|of the same test", proof)
    ]


def test_what_is_not_kept_is_said_at_the_end_too() -> None:
    assert "not kept" in PROMISES.partition("## Not kept")[0]
    assert PROMISES.partition("## Not kept")[2].count("\n- **") >= 3
