"""Preparing a deployment. `tests/deployment/test_on_postgres.py` runs two of them at once."""

from typing import Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory

from backend import prepare
from backend.serving.database_check import separate_connection


def test_sqlite_has_no_lock_and_keeps_its_options() -> None:
    separate = separate_connection(connection)
    if separate.vendor != "sqlite":
        pytest.skip("about SQLite")
    before = dict(separate.settings_dict["OPTIONS"])
    prepare.lift_time_limits(separate)
    assert separate.settings_dict["OPTIONS"] == before
    with prepare.one_at_a_time(separate):
        assert separate.connection is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            CommandError("ADMIN_PASSWORD: it is too easy to guess. Write another one."),
            "Kaiwa cannot start. ADMIN_PASSWORD: it is too easy to guess. Write another one.",
        ),
        (
            OperationalError("canceling statement due to lock timeout"),
            "Kaiwa cannot start: a migration failed (OperationalError) and was undone; the"
            " database's log has the reason. Run this again, or go back to the earlier release.",
        ),
        (
            InconsistentMigrationHistory("Migration b is applied before its dependency a."),
            "Kaiwa cannot start: Migration b is applied before its dependency a."
            " Restore the backup from before the upgrade.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_one_sentence(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(prepare, "call_command", fail)
    with pytest.raises(SystemExit) as ended:
        prepare.migrate()
    assert ended.value.code == sentence


def test_the_key_of_the_lock_fits_into_postgresql() -> None:
    assert 0 < prepare.LOCK < 2**63
