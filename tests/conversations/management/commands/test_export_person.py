"""`manage.py export_person`: the archive, the audit row, and errors in words."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from backend.audit.models import AuditEntry
from tests.conversations.equipment import new_session

pytestmark = pytest.mark.django_db


def test_it_writes_the_archive_and_an_audit_row(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_session(owner)
    path = tmp_path / "one.zip"
    call_command("export_person", owner.username, output=path)
    assert path.is_file()
    assert f"Wrote {path}: 1 conversations." in capsys.readouterr().out
    assert AuditEntry.objects.get().target == str(owner.pk)


def test_errors_are_sentences(owner: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no user “nobody”"):
        call_command("export_person", "nobody")
    (tmp_path / "taken.zip").touch()
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_person", owner.username, output=tmp_path / "taken.zip")
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("export_person", owner.username, output=tmp_path / "no" / "x.zip")
    assert not AuditEntry.objects.exists()
