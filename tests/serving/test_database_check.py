"""What is said at start about a database that cannot be used."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from backend.serving import database_check
from backend.serving.database_check import (
    connection_problem,
    exit_unless_migrated,
    exit_unless_reachable,
    migration_problem,
    separate_connection,
    sqlite_problem,
)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (
            'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  '
            'password authentication failed for user "kaiwa"',
            "the database refuses the user or the password",
        ),
        (
            'connection failed: FATAL:  database "kaiwa" does not exist',
            "the database server has no database or user of that name",
        ),
        (
            "failed to resolve host 'nowhere': [Errno -2] Name or service not known",
            "the database's host name is unknown",
        ),
        (
            "connection failed: Connection refused\n\tIs the server running on that host",
            "nothing listens at the database's address",
        ),
        ("connection timeout expired", "the database's host does not answer"),
        ("FATAL:  the database system is starting up", "the database is still starting"),
        ("FATAL:  sorry, too many clients already", "the database has no free connection"),
        ("unable to open database file", "the database file cannot be opened"),
        ("file is not a database", "the file is not a database"),
        ("something that nobody has seen yet", "the database cannot be used"),
    ],
)
def test_the_reason_is_one_clause(text: str, clause: str) -> None:
    assert connection_problem(text) == clause


@pytest.mark.parametrize("version", [(3, 35, 0), (3, 35, 5), (3, 50, 4), (4, 0, 0)])
def test_sqlite_with_returning_is_accepted(version: tuple[int, ...]) -> None:
    assert sqlite_problem(version) == ""


def test_an_older_sqlite_is_refused_with_both_versions() -> None:
    assert sqlite_problem((3, 34, 1)).startswith(
        "SQLite 3.35.0 or later is required (found 3.34.1). "
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="is about SQLite")
def test_the_start_ends_with_an_older_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 31, 1))
    with pytest.raises(SystemExit, match="cannot start: SQLite 3.35.0 or later"):
        exit_unless_reachable(sqlite(tmp_path / "old.sqlite3"))
    assert not list(tmp_path.iterdir())


def sqlite(path: Path) -> BaseDatabaseWrapper:
    """A connection to a SQLite file, as `DATABASE_URL` would give."""
    other = separate_connection(connection)
    other.settings_dict.update(ENGINE="django.db.backends.sqlite3", NAME=str(path))
    return other


@pytest.mark.skipif(connection.vendor != "sqlite", reason="opens files")
@pytest.mark.django_db
def test_a_file_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        exit_unless_reachable(sqlite(tmp_path / "nowhere" / "kaiwa.sqlite3"))
    assert ended.value.code == (
        "Kaiwa cannot start: the database file cannot be opened. Check DATABASE_URL."
    )


@pytest.mark.django_db
def test_a_database_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    old = separate_connection(connection)
    # Django checks a database once per process.
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", set())
    monkeypatch.setattr(type(old.features), "minimum_database_version", (99,))
    try:
        with pytest.raises(SystemExit, match=r"99 or later is required .+ Upgrade the server"):
            exit_unless_reachable(old)
    finally:
        old.close()


@pytest.mark.django_db
def test_a_migrated_database_has_no_problem() -> None:
    assert migration_problem(connection) == ""


@pytest.mark.django_db
def test_a_missing_migration_is_named_with_what_to_do() -> None:
    last = MigrationRecorder.Migration.objects.filter(app="accounts").order_by("name").last()
    assert last is not None
    name = f"accounts.{last.name}"
    last.delete()
    problem = migration_problem(connection)
    assert problem.startswith(f"1 migrations are not applied to the database, such as {name}. Run ")
    assert "python -m backend.prepare" in problem


@pytest.mark.django_db
def test_a_history_with_a_hole_asks_for_the_backup() -> None:
    MigrationRecorder.Migration.objects.filter(app="conversations", name="0001_initial").delete()
    assert migration_problem(connection).endswith("Restore the backup from before the upgrade.")


@pytest.mark.django_db
def test_a_newer_database_is_logged_and_accepted(caplog: pytest.LogCaptureFixture) -> None:
    MigrationRecorder(connection).record_applied("conversations", "9999_of_the_next_release")
    assert migration_problem(connection) == ""
    assert "database.newer" in caplog.text


def test_the_start_ends_with_the_problem(monkeypatch: pytest.MonkeyPatch, db: Any) -> None:
    monkeypatch.setattr(database_check, "separate_connection", lambda each: each)
    monkeypatch.setattr(connections["default"], "close", lambda: None)
    monkeypatch.setattr(database_check, "migration_problem", lambda each: "It is not migrated.")
    with pytest.raises(SystemExit) as ended:
        exit_unless_migrated()
    assert ended.value.code == "Kaiwa cannot start: It is not migrated."
