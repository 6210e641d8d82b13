"""Rules of the repository: settings in the docs, a test per module, a sentence per code, pins."""

import re
import tomllib
from pathlib import Path

import pytest

from backend import __version__
from backend.protocol.endings import Ending
from backend.protocol.errors import BAD_FRAME_CODES, ERROR_CODES
from backend.settings_table import SETTINGS
from backend.wording import SENTENCES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

TESTED_ELSEWHERE = {
    "backend/settings.py": "plain assignments; read by every test",
    "backend/asgi.py": "the journeys go through it",
    "backend/urls.py": "the API tests go through it",
    "backend/conversations/exports/document.py": "a value without behaviour",
    "backend/protocol/transcript/turns.py": "a value without behaviour",
    "backend/cli/effects.py": "values without behaviour",
    "backend/relay/effects.py": "values without behaviour",
    "backend/upstream/providers/interface.py": "an interface and values without behaviour",
    "backend/relay/ports.py": "interfaces without behaviour",
    "backend/simulator/engine/effects.py": "values without behaviour",
    "backend/simulator/engine/errors.py": "values without behaviour",
    "backend/simulator/engine/ports.py": "interfaces without behaviour",
    "backend/simulator/sound/espeak_process.py": "a program; the synthesiser's tests run it",
    "backend/wording.py": "this file",
    "backend/protocol/errors.py": "this file",
}


def _modules() -> list[Path]:
    return [
        path.relative_to(ROOT)
        for path in sorted((ROOT / "backend").rglob("*.py"))
        if path.name not in ("__init__.py", "apps.py", "__main__.py")
        and "migrations" not in path.parts
    ]


@pytest.mark.parametrize("module", _modules(), ids=str)
def test_every_module_has_a_test_file_of_its_name(module: Path) -> None:
    if str(module) in TESTED_ELSEWHERE:
        return
    inside = module.relative_to("backend")
    assert (ROOT / "tests" / inside.parent / f"test_{inside.name}").is_file()


def test_exceptions_from_mirroring_still_exist() -> None:
    assert all((ROOT / path).is_file() for path in TESTED_ELSEWHERE)


def test_env_example_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    written = [line.removeprefix("# ") for line in lines if re.match(r"# [A-Z_]+=", line)]
    assert written == [f"{setting.name}={setting.default}" for setting in SETTINGS]


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    rows = []
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else ""
        rows.append(f"| `{setting.name}` | {default} | {setting.meaning} |")
    table = README.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    assert [line for line in table.splitlines() if line.startswith("| `")] == rows


def test_the_readme_names_only_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)\b", README)) <= targets


def test_the_readmes_commands_run_as_they_are_written() -> None:
    assert not re.findall(r"(?<!\.venv/bin/)python -m [\w.]+|(?<!\.venv/bin/)python manage", README)
    for module in re.findall(r"python -m ([\w.]+)", README):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


REQUIREMENTS = [
    "requirements.txt",
    "requirements-demo.txt",
    "requirements-cli.txt",
    "tests/requirements.txt",
    "bench/requirements-peers.txt",
    "bench/requirements-profile.txt",
]


@pytest.mark.parametrize("requirements", REQUIREMENTS)
def test_every_dependency_is_pinned_and_has_a_reason(requirements: str) -> None:
    for line in (ROOT / requirements).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "-r ")):
            assert re.match(r"^[\w.-]+(\[[\w,]+\])?==[\w.]+ +# \S", line), line


@pytest.mark.parametrize("name", ["requirements", "requirements-demo"])
def test_the_lock_file_has_every_dependency_with_its_hashes(name: str) -> None:
    lock = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z])", lock)[1:]
    locked = {block.split(" ")[0] for block in blocks}
    for line in (ROOT / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if pin := re.match(r"([\w.-]+)(?:\[[\w,]+\])?(==[\w.]+)", line, re.ASCII):
            package = pin[1].lower().replace("_", "-")
            assert package + pin[2] in locked, f"{pin[0]}: run `make lock`"
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    # The package host is a choice of whoever installs.
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", lock)


def test_the_demo_locks_the_same_versions_as_the_server() -> None:
    pins = [
        set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE))
        for name in ("requirements.lock", "requirements-demo.lock")
    ]
    assert pins[0] <= pins[1], "run `make lock`"


def test_every_error_code_has_words_in_both_languages() -> None:
    assert {str(ending) for ending in Ending} | BAD_FRAME_CODES <= ERROR_CODES
    for code in ERROR_CODES:
        assert set(SENTENCES[code]) == {"ja", "en"}, code


def test_no_sentence_is_empty_and_japanese_is_japanese() -> None:
    for code, sentences in SENTENCES.items():
        assert sentences["en"].strip(), code
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", sentences["ja"]), code


def test_the_version_is_written_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "backend.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__, re.ASCII)
