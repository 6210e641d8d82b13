"""The compose files follow the Compose specification, and hadolint finds nothing to say."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment.compose import BASE, DEMO, ROOT

TOOLS = Path(sys.executable).parent


@pytest.mark.slow
def test_the_compose_files_follow_the_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         BASE, DEMO],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_hadolint_finds_nothing_in_the_dockerfiles() -> None:
    linted = subprocess.run(
        [TOOLS / "hadolint", ROOT / "backend" / "Dockerfile", ROOT / "nginx" / "Dockerfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (linted.returncode, linted.stdout) == (0, "")
