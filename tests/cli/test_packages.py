"""What is missing is named, with the command that installs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli.packages import missing_packages, missing_sentence

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import runpy, sys
sys.modules.update(dict.fromkeys({blocked}))
runpy.run_module("backend.cli", run_name="__main__", alter_sys=True)
"""


def test_only_missing_packages_are_named() -> None:
    def find(name: str) -> object:
        if name == "blocked":
            raise ValueError("sys.modules has None")
        return None if name == "absent" else object()

    assert missing_packages(("here", "absent", "blocked"), find) == ["absent", "blocked"]


def test_the_sentence_has_the_command() -> None:
    assert missing_sentence(["typer", "rich"], "en") == (
        "The terminal client cannot start: typer and rich are not installed. "
        "Install what it needs with: pip install -r requirements-cli.txt"
    )
    assert "typer、rich がありません" in missing_sentence(["typer", "rich"], "ja")


@pytest.mark.slow
@pytest.mark.parametrize("blocked", [["typer"], ["rich", "websockets"]])
def test_the_program_says_so_and_nothing_else(blocked: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", RUN.format(blocked=blocked)],
        cwd=ROOT, env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == missing_sentence(blocked, "en") + "\n"
