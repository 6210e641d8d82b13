"""What `make` does where the machine lacks something."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BROKEN_PYTHON = f"""#!/bin/sh
[ "$2" = venv ] || exec {sys.executable} "$@"
mkdir -p .venv/bin && touch .venv/bin/python
echo 'ensurepip is not available'
exit 1
"""


def test_a_venv_that_could_not_be_made_leaves_nothing_and_names_the_package(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "python"
    broken.write_text(BROKEN_PYTHON)
    broken.chmod(0o755)
    done = subprocess.run(
        ["make", "--file", ROOT / "Makefile", ".venv/bin/python", f"PYTHON={broken}", "UV="],
        cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "ensurepip is not available" in done.stdout
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()
