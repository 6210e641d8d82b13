"""`python -m backend.serve` with settings or a database it cannot serve with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
        ({"REALTIME_VOICE": "nobody"}, "REALTIME_VOICE"),
        ({"VAD_THRESHOLD": "loud"}, "VAD_THRESHOLD"),
        ({"REALTIME_MODEL": "gpt-réaltime"}, "REALTIME_MODEL"),
        ({"DATABASE_URL": "postgres://u:p@h:notaport/db"}, "DATABASE_URL"),
        ({"REDIS_URL": "redis://h:notaport"}, "REDIS_URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_setting_exits_with_its_name(env: dict[str, str], named: str) -> None:
    result = started_with(env)
    assert result.returncode == 1
    assert named in result.stderr
    assert "Write" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("path", ["empty.sqlite3", "nowhere/kaiwa.sqlite3"])
def test_a_missing_or_empty_database_exits_with_what_to_do(tmp_path: Path, path: str) -> None:
    result = started_with({"DATABASE_URL": f"sqlite:///{tmp_path}/{path}"})
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "Kaiwa cannot start: the database is away or not migrated (OperationalError)."
        " Check DATABASE_URL, then run: .venv/bin/python manage.py migrate"
    )
    assert "Traceback" not in result.stderr


def started_with(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Start with valid settings, overridden by `env`."""
    valid = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "x" * 50,
        "ALLOWED_HOSTS": "127.0.0.1",
        "OPENAI_API_KEY": "sk-only-for-this-test",
        "DATABASE_URL": "sqlite://:memory:",
    }
    return subprocess.run(
        [sys.executable, "-m", "backend.serve"],
        cwd=ROOT, env={**valid, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
