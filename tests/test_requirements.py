"""Serving needs only requirements.txt: no package of the demo or of the tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

WITHOUT_PACKAGES = """
import sys
from importlib import import_module

# None makes an import fail, as if the package were not installed.
sys.modules.update(dict.fromkeys(BLOCKED))
"""

IMPORT_ALL = """
import django
django.setup()
for module in MODULES:
    import_module(module)
assert not any(name.startswith("backend.simulator") for name in sys.modules)
"""

RUN_SIMULATOR = """
import runpy
runpy.run_module("backend.simulator", run_name="__main__", alter_sys=True)
"""


def packages_of(requirements: str) -> set[str]:
    """The import names of the packages that a file lists."""
    text = (ROOT / requirements).read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+?)(?:\[[\w,]+\])?==", text, flags=re.MULTILINE)
    return {name.replace("-", "_") for name in names}


def serving_modules() -> list[str]:
    """Every module of `backend` but the simulator, and but those that only run as a program."""
    paths = [path.relative_to(ROOT) for path in sorted((ROOT / "backend").rglob("*.py"))]
    return [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if "simulator" not in path.parts and path.name != "__main__.py"
    ]


def run(code: str, **names: object) -> subprocess.CompletedProcess[str]:
    values = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return subprocess.run(
        [sys.executable, "-c", values + WITHOUT_PACKAGES + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )


def test_the_demo_adds_numpy_and_espeak() -> None:
    assert packages_of("requirements-demo.txt") == {"numpy", "espeakng_loader"}


@pytest.mark.slow
def test_serving_imports_neither_the_simulator_nor_its_packages() -> None:
    blocked = packages_of("requirements-demo.txt") | packages_of("tests/requirements.txt")
    found = run(IMPORT_ALL, BLOCKED=blocked, MODULES=serving_modules())
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("blocked", "named"),
    [({"numpy"}, "numpy is"), ({"numpy", "espeakng_loader"}, "numpy and espeakng_loader are")],
)
def test_the_simulator_names_the_packages_that_it_misses(blocked: set[str], named: str) -> None:
    found = run(RUN_SIMULATOR, BLOCKED=blocked)
    assert found.returncode == 1
    assert found.stderr == (
        f"The simulator cannot start: {named} not installed. "
        "Install what it needs with: pip install -r requirements-demo.txt\n"
    )
