"""`python -m backend.serve` with settings or a database it cannot serve with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend import serve

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
        ({"SERVER": "daphne", "WORKERS": "2"}, "WORKERS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_setting_exits_with_its_name(env: dict[str, str], named: str) -> None:
    result = started_with(env)
    assert result.returncode == 1
    assert named in result.stderr
    assert "Write" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "empty.sqlite3",
            r"Kaiwa cannot start: \d+ migrations are not applied to the database, such as"
            r" contenttypes\.0001_initial\. Run the migrations: .venv/bin/python -m"
            r" backend\.prepare \(with Compose: docker compose run --rm migrate\)",
        ),
        (
            "nowhere/kaiwa.sqlite3",
            r"Kaiwa cannot start: the database file cannot be opened\. Check DATABASE_URL\.",
        ),
    ],
)
def test_a_missing_or_empty_database_exits_with_what_to_do(
    tmp_path: Path, path: str, sentence: str
) -> None:
    result = started_with({"DATABASE_URL": f"sqlite:///{tmp_path}/{path}"})
    assert result.returncode == 1
    assert re.fullmatch(sentence, result.stderr.splitlines()[-1])
    assert "Traceback" not in result.stderr


def test_a_thread_that_computes_gives_way_to_the_voices_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop() -> None:
        raise SystemExit(1)

    monkeypatch.setattr("django.setup", stop)
    before_s = sys.getswitchinterval()
    try:
        with pytest.raises(SystemExit):
            serve.main()
        assert sys.getswitchinterval() == pytest.approx(serve.SWITCH_INTERVAL_S)
    finally:
        sys.setswitchinterval(before_s)


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
