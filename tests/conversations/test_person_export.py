"""The archive of one person: everything of theirs, nothing of others, no secrets."""

import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from backend.accounts.tokens import key_for
from backend.audit.models import Action, record
from backend.conversations.models import ReviewNote, Session
from backend.conversations.person_export import export_person
from backend.direct.models import EphemeralKey
from backend.reports.models import CallFigures
from backend.spending.models import Budget, DeletedTalk
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session

pytestmark = pytest.mark.django_db


def test_it_has_all_of_the_person_and_nothing_else(
    owner: User, stranger: User, staff: User, settings: Any, tmp_path: Path
) -> None:
    settings.TAPE_DIR = str(tmp_path / "tapes")
    Path(settings.TAPE_DIR).mkdir()
    session = new_session(owner, title="Bread")
    call = new_call(session)
    kept_turn(session, call, text="焼きたてのパン")
    kept_usage(session, "resp_1", "gpt-realtime", audio_out=10)
    (tmp_path / "tapes" / f"{call.call_id}.jsonl").write_text("sound")
    hidden = new_session(owner, title="Bread")
    Session.objects.filter(pk=hidden.pk).update(deleted_at=timezone.now())
    kept_turn(new_session(stranger, title="Secret"), item_id="x", text="not theirs")
    ReviewNote.objects.create(session=session, reviewer=staff, reviewer_name="staff", note="Good.")
    EphemeralKey.objects.create(
        user=owner, expires_at=NOON, provider="openai", model="gpt-realtime", voice="verse"
    )
    for number, user in enumerate((owner, stranger), 1):
        Budget.objects.create(scope="user", user=user, minutes_per_day=10 * number)
        day = NOON + timedelta(days=number)
        DeletedTalk.objects.create(user_id=user.pk, started_at=day, ended_at=day)
        CallFigures.objects.create(
            call_id=uuid4(), day=day.date(), user=user, model="m", call_ms=number, turns=1
        )
    record(staff, Action.CALL_ENDED, "call", call.call_id, owner.pk)

    progress: list[tuple[int, int]] = []
    path = tmp_path / "person.zip"
    assert export_person(owner, path, lambda *step: progress.append(step)) == 2

    assert progress == [(1, 2), (2, 2)]
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        texts = {name: archive.read(name).decode() for name in names}
    assert len(names) == len(set(names)) == 7
    assert f"tapes/{call.call_id}.jsonl" in names
    person = json.loads(texts["person.json"])
    assert person["username"] == owner.username
    assert [row["cost_usd"] for row in person["usage"]] == ["0.0006400000"]
    assert [row["note"] for row in person["reviews"]] == ["Good."]
    assert [row["voice"] for row in person["ephemeral_keys"]] == ["verse"]
    assert [row["action"] for row in person["audit"]] == ["call_ended"]
    assert [row["minutes_per_day"] for row in person["budgets"]] == [10]
    assert [row["ended_at"] for row in person["deleted_talk"]] == ["2026-01-03T12:00:00Z"]
    assert [row["call_ms"] for row in person["call_figures"]] == [1]
    assert "budgets (1)\n- minutes_per_day: 10\n" in texts["person.txt"]
    assert sum("焼きたてのパン" in text for text in texts.values()) == 2
    whole = "".join(texts.values())
    assert "not theirs" not in whole and "Secret" not in whole
    assert key_for(owner) not in whole and owner.password not in whole


def test_it_overwrites_no_file_and_leaves_none_behind(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "person.zip"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        export_person(owner, path)
    assert path.read_text() == "mine"
    path.unlink()
    new_session(owner)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        export_person(owner, path, fail)
    assert not path.exists()
