"""Preparing a deployment. `tests/deployment/test_on_postgres.py` runs two of them at once."""

from typing import Any
from unittest.mock import MagicMock

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


def test_whoever_waits_for_the_lock_asks_again_and_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [(False,), (False,), (True,)]
    cursor = MagicMock()
    cursor.fetchone.side_effect = answers
    holder = MagicMock()
    holder.cursor.return_value.__enter__.return_value = cursor
    monkeypatch.setattr(prepare, "separate_connection", lambda _: holder)
    monkeypatch.setattr(prepare, "LOCK_POLL_S", 0)
    with prepare.one_at_a_time(MagicMock(vendor="postgresql")):
        holder.close.assert_not_called()
    statements = [call.args[0] for call in cursor.execute.call_args_list]
    assert statements == ["SELECT pg_try_advisory_lock(%s)"] * len(answers)
    assert capsys.readouterr().out.count("waiting for it") == 1
    holder.close.assert_called_once()


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
