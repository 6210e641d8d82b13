"""Serving needs only requirements.txt, and the terminal client only requirements-cli.txt."""

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
others = ("backend.simulator.", "backend.cli.")
assert not any(f"{name}.".startswith(others) for name in sys.modules)
"""

IMPORT_CLI = """
import_module("backend.cli.commands")
assert not any(name.startswith(("django", "msgspec")) for name in sys.modules if sys.modules[name])
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
    """Every module of `backend` but the simulator's, the terminal client's and those that only run
    as a program.
    """
    paths = [path.relative_to(ROOT) for path in sorted((ROOT / "backend").rglob("*.py"))]
    return [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if not {"simulator", "cli"} & set(path.parts) and path.name != "__main__.py"
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


def test_the_demo_adds_numpy_espeak_and_webrtc() -> None:
    assert packages_of("requirements-demo.txt") == {"numpy", "espeakng_loader", "aiortc"}


def test_the_terminal_client_and_the_server_use_the_same_versions() -> None:
    pins = [
        set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE))
        for name in ("requirements.txt", "requirements-cli.txt")
    ]
    assert {pin.partition("==")[0] for pin in pins[0] & pins[1]} == {"websockets", "regex"}


@pytest.mark.slow
def test_the_terminal_client_needs_no_package_of_the_server() -> None:
    blocked = packages_of("requirements.txt") - packages_of("requirements-cli.txt")
    assert {"Django", "msgspec", "openai"} <= blocked
    found = run(IMPORT_CLI, BLOCKED={*blocked, "django"})
    assert found.returncode == 0, found.stderr


@pytest.mark.slow
def test_serving_imports_neither_the_simulator_nor_its_packages() -> None:
    others = ("requirements-demo.txt", "requirements-cli.txt", "tests/requirements.txt")
    blocked = set[str]().union(*map(packages_of, others)) - packages_of("requirements.txt")
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
