"""The Makefile: a failed installation leaves nothing, and every test is in exactly one lane."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MARKERS = (
    "slow",
    "hypothesis",
    "journey",
    "page",
    "exclusive",
    "realtime_audio",
    "untimed_audio",
    "stack",
)

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


def _selections() -> list[str]:
    """The marker expression of every pytest lane of `make test`, but for the PostgreSQL one."""
    variables = dict(re.findall(r"^([A-Z]+) := (.+)$", MAKEFILE, flags=re.MULTILINE))
    found = re.findall(r'pytest -m "?([^"\n]+?)"? (?:tests|\$\(CORE\))', MAKEFILE)
    return [variables.get(name.strip("$()"), name) for name in found]


def test_every_test_is_run_by_exactly_one_lane_of_make_test() -> None:
    # The two unit lanes share one expression and divide the folders between them.
    selections = set(_selections())
    assert len(selections) == len(_selections()) - 1 == 8
    for flags in itertools.product([False, True], repeat=len(MARKERS)):
        marked = dict(zip(MARKERS, flags, strict=True))
        kinds_of_page = [marked[name] for name in ("exclusive", "realtime_audio", "untimed_audio")]
        if sum(kinds_of_page) > 1 or (any(kinds_of_page) and not marked["page"]):
            continue
        if sum(marked[name] for name in ("journey", "page", "stack")) > 1:
            continue
        # A marker expression is a Python expression over names.
        chosen = [each for each in selections if eval(each, {}, marked)]
        assert len(chosen) == 1, (marked, chosen)


def test_a_marker_is_only_where_its_lane_looks() -> None:
    # The unit lanes ignore tests/journeys, and the other lanes do not collect the unit tests, which
    # takes 3 s of processor time.
    journeys = ("journeys/", "gateway/")
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"pytest\.mark\.(\w+)", text))
        place = path.relative_to(ROOT / "tests").as_posix()
        if "journey" in used:
            assert place.startswith(journeys), place
        if used & {"page", "stack", "exclusive"}:
            assert place.startswith("journeys/"), place
        if "slow" in used and not used & {"journey", "page", "stack"}:
            assert not place.startswith("journeys/"), place
