"""Exit codes are documented, and scripts rely on them."""

import re
from pathlib import Path

from backend.cli.failures import ExitCode, Failure

ROOT = Path(__file__).resolve().parents[2]


def test_docs_list_every_exit_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    rows = [int(code) for code in re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)]
    assert rows == [int(code) for code in ExitCode]


def test_a_failure_keeps_its_values() -> None:
    failure = Failure(ExitCode.REFUSED, "refused", "No.", status=418)
    assert (failure.message, failure.values) == ("No.", {"status": 418})
