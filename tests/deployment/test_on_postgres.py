"""The deployment's commands on a real PostgreSQL: preparing, start-up, backup and restore."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from backend.prepare import LOCK
from tests.deployment.compose import ROOT
from tests.postgres import binaries

pytestmark = pytest.mark.slow

BACKUP = (ROOT / "docs" / "operations" / "backup.md").read_text(encoding="utf-8")
IN_CONTAINER = "docker compose exec -T postgres "


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty database."""
    name = "deployment"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def environ(container_environ: dict[str, str], database_url: str) -> dict[str, str]:
    return {**container_environ, "DATABASE_URL": database_url}


def start(module: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_two_at_once_migrate_once_and_make_one_admin(
    environ: dict[str, str], database_url: str
) -> None:
    # The lock is held here until both wait for it, so that they compete whatever the machine does.
    with psycopg.connect(database_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        both = [start("backend.prepare", environ) for _ in range(2)]
        for process in both:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == "Another process is migrating the database: waiting for it.\n"
    results = [ended(process) for process in both]
    assert [code for code, _, _ in results] == [0, 0], results
    assert sorted("Created the admin" in out for _, out, _ in results) == [False, True]
    assert sorted("No migrations to apply" in out for _, out, _ in results) == [False, True]
    with psycopg.connect(database_url) as connection:
        twice = connection.execute(
            "SELECT app, name FROM django_migrations GROUP BY app, name HAVING count(*) > 1"
        ).fetchall()
        admins = connection.execute("SELECT username FROM auth_user WHERE is_superuser").fetchall()
    assert (twice, admins) == ([], [("admin",)])


def test_a_database_that_does_not_exist_ends_the_preparation_with_one_sentence(
    container_environ: dict[str, str], postgres_url: str
) -> None:
    url = f"{postgres_url.rpartition('/')[0]}/nowhere"
    environ = {**container_environ, "DATABASE_URL": url}
    code, _, err = ended(start("backend.prepare", environ))
    assert (code, last_line(err)) == (
        1,
        "Kaiwa cannot start: the database server has no database or user of that name."
        " Check DATABASE_URL.",
    )


def test_a_database_that_is_away_ends_the_worker_with_one_sentence(
    container_environ: dict[str, str],
) -> None:
    # Port 1 needs root and nothing listens there.
    url = "postgres://kaiwa:p@127.0.0.1:1/kaiwa"
    code, _, err = ended(start("backend.worker", {**container_environ, "DATABASE_URL": url}))
    assert (code, last_line(err)) == (
        1,
        "Kaiwa cannot start: nothing listens at the database's address. Check DATABASE_URL.",
    )


def last_line(err: str) -> str:
    """The last line of stderr, which has no traceback."""
    assert "Traceback" not in err, err
    return err.splitlines()[-1]


def documented(command: str) -> list[str]:
    """The words of the documented command that begins so, without the container around it."""
    (line,) = re.findall(rf"^{re.escape(IN_CONTAINER + command)}\b.*$", BACKUP, flags=re.MULTILINE)
    words = shlex.split(line.removeprefix(IN_CONTAINER))
    return words[: next((at for at, word in enumerate(words) if word in "<>"), len(words))]


def test_a_backup_restores_what_was_saved(database_url: str, tmp_path: Path) -> None:
    parts = urlsplit(database_url)
    environ = {
        "PATH": f"{binaries()}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(parts.port),
    }

    def run(command: str, **files: object) -> None:
        words = [word.replace("kaiwa", "deployment") for word in documented(command)]
        words = [word.replace("--username=deployment", "--username=kaiwa") for word in words]
        subprocess.run(words, env=environ, check=True, **files)  # type: ignore[call-overload]

    dump = tmp_path / "kaiwa.dump"
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("CREATE TABLE turns (id serial PRIMARY KEY, words text)")
        database.execute("INSERT INTO turns (words) VALUES ('こんにちは'), ('Good morning')")
        with dump.open("wb") as to_file:
            run("pg_dump", stdout=to_file)
        database.execute("UPDATE turns SET words = 'lost'")
        database.execute("CREATE TABLE of_the_next_release (id int)")
    run("dropdb")
    run("createdb")
    with dump.open("rb") as from_file:
        run("pg_restore", stdin=from_file)
    with psycopg.connect(database_url) as database:
        rows = database.execute("SELECT id, words FROM turns ORDER BY id").fetchall()
        tables = database.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert rows == [(1, "こんにちは"), (2, "Good morning")]
    assert tables == [("turns",)]
