"""The policy of the Dockerfiles: pinned, unprivileged, without a secret; and what is copied."""

import re
import shlex
from pathlib import Path

import pytest

from backend.settings_table import SETTINGS
from tests.deployment.build_context import context_files, is_in_context
from tests.deployment.compose import ROOT

FILES = [ROOT / "backend" / "Dockerfile", ROOT / "nginx" / "Dockerfile"]

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return each instruction as its name and its text, with continuation lines joined."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


@each_file
def test_every_base_image_is_an_argument_with_a_pinned_default(path: Path) -> None:
    found = instructions(path)
    stages = {text.rpartition(" AS ")[2] for name, text in found if name == "FROM"}
    bases = {text.split(" AS ")[0] for name, text in found if name == "FROM"} - stages
    arguments = {
        text.partition("=")[0]: text.partition("=")[2] for name, text in found if name == "ARG"
    }
    assert bases <= {f"${{{argument}}}" for argument in arguments}
    for image in arguments.values():
        assert re.fullmatch(r"[a-z]+:\d+(\.\d+)*-[a-z-]+", image)


@each_file
def test_commands_are_in_exec_form(path: Path) -> None:
    found = instructions(path)
    commands = [text for name, text in found if name in ("CMD", "ENTRYPOINT")]
    commands += [text.partition("CMD ")[2] for name, text in found if name == "HEALTHCHECK"]
    assert commands
    assert all(text.startswith('["') and text.endswith('"]') for text in commands)


@each_file
def test_the_user_is_a_number_and_not_root(path: Path) -> None:
    users = [text for name, text in instructions(path) if name == "USER"]
    assert users == ["10001:10001"]


@each_file
def test_every_image_that_serves_is_checked(path: Path) -> None:
    served = [stage for stage in path.read_text("utf-8").split("\nFROM ") if "\nEXPOSE" in stage]
    assert served
    assert all("\nHEALTHCHECK " in stage for stage in served)


@each_file
def test_no_secret_is_an_argument_or_a_variable(path: Path) -> None:
    secret = {setting.name for setting in SETTINGS if setting.secret}
    for name, text in instructions(path):
        assert not any(each in text for each in secret), text
        if name in ("ARG", "ENV"):
            assert not re.search(r"(?i)password|token|secret", text), text


def test_packages_are_installed_by_hash_and_without_a_compiler() -> None:
    installed = [
        shlex.split(text)
        for name, text in instructions(FILES[0])
        if name == "RUN" and "pip" in text and "install" in text
    ]
    assert len(installed) == 2
    for words in installed:
        assert {"--require-hashes", "--only-binary=:all:", "--no-cache-dir"} <= set(words)
        assert words[-1].endswith(".lock")


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".git/config", "secrets/secret_key.txt", "var/kaiwa.sqlite3", "backend/.env",
        ".venv/bin/python", "node_modules/x/index.js", "tests/conftest.py", "docs/api.md",
        "backend/__pycache__/serve.cpython-311.pyc", "tls/server.key", "docker-compose.yml",
    ],
)  # fmt: skip
def test_what_stays_out_of_the_image(path: str) -> None:
    assert not is_in_context(path)


@pytest.mark.parametrize(
    "path",
    ["manage.py", "backend/serve.py", "frontend/index.html", "requirements.lock"]
    + ["backend/conversations/templates/conversations/admin/transcript.html"],
)
def test_what_the_image_needs(path: str) -> None:
    assert is_in_context(path)


def test_everything_that_is_copied_exists_in_the_context() -> None:
    sources = [
        source
        for name, text in instructions(FILES[0])
        if name == "COPY" and "--from" not in text
        for source in text.split()[:-1]
    ]
    for source in sources:
        found = [path for path in context_files() if f"{path}/".startswith(f"{source}/")]
        assert found, source


def test_everything_that_nginx_needs_exists() -> None:
    sources = [
        source
        for name, text in instructions(FILES[1])
        if name == "COPY"
        for source in text.split()[:-1]
    ]
    assert [source for source in sources if not (ROOT / "nginx" / source).exists()] == []
