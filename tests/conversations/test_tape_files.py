"""A tape is where its call's id says, and goes with its call."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from backend.conversations.models import Session
from backend.conversations.tape_files import tape_path
from tests.conversations.equipment import new_call, new_session


def test_without_a_folder_there_is_no_path(settings: Any) -> None:
    settings.TAPE_DIR = ""
    assert tape_path(uuid4()) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole_account", [False, True], ids=["session", "account"])
def test_the_tapes_of_a_deleted_call_are_deleted(
    owner: User, stranger: User, settings: Any, tmp_path: Path, whole_account: bool
) -> None:
    settings.TAPE_DIR = str(tmp_path)
    own, other = new_call(new_session(owner)), new_call(new_session(stranger))
    for call in (own, other):
        path = tape_path(call.call_id)
        assert path is not None
        path.write_text("{}")
    (owner if whole_account else Session.objects.get(user=owner)).delete()
    assert [path.name for path in tmp_path.iterdir()] == [f"{other.call_id}.jsonl"]


@pytest.mark.django_db(transaction=True)
def test_a_tape_that_cannot_be_deleted_is_logged(
    owner: User, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TAPE_DIR = str(tmp_path)
    call = new_call(new_session(owner))
    (tmp_path / f"{call.call_id}.jsonl").mkdir()
    Session.objects.get().delete()
    assert "tape.not_deleted" in caplog.messages
