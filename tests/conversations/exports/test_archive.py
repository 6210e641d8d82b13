"""The ZIP archive of many sessions: complete, streamed, with a name for each file."""

import io
import zipfile
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from backend.conversations.exports import archive
from backend.conversations.exports.archive import export_archive, unique_name
from backend.conversations.exports.export_session import FORMATS, export_session
from backend.conversations.models import Session, Turn
from backend.conversations.queries import with_facts
from tests.conversations.equipment import NOON, kept_turn, kept_usage, new_call, new_session


def opened(chunks: Any) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(chunks)))


@pytest.mark.parametrize("format_name", FORMATS)
def test_each_session_is_a_file(owner: User, stranger: User, format_name: str) -> None:
    sessions = [
        new_session(owner, title="パン", created_at=NOON, updated_at=NOON),
        new_session(owner, title="パン", created_at=NOON),
        new_session(stranger, title="", created_at=NOON, updated_at=NOON.replace(year=1970)),
    ]
    for number, session in enumerate(sessions):
        kept_turn(session, text=f"words {number}")
    export = export_archive([each.pk for each in sessions], format_name)
    assert (export.filename, export.content_type) == (f"kaiwa-{format_name}.zip", "application/zip")
    archive = opened(export.chunks)
    assert archive.testzip() is None
    assert archive.namelist() == [
        f"パン 2026-01-02.{format_name}",
        f"パン 2026-01-02 (2).{format_name}",
        f"Kaiwa 2026-01-02.{format_name}",
    ]
    for number, name in enumerate(archive.namelist()):
        assert f"words {number}" in archive.read(name).decode()


@pytest.mark.django_db
def test_a_session_that_is_gone_is_left_out() -> None:
    assert opened(export_archive([uuid4()], "txt").chunks).namelist() == []


def test_the_archive_is_made_while_it_is_sent(owner: User) -> None:
    sessions = [new_session(owner, title=str(number)) for number in range(20)]
    for session in sessions:
        kept_turn(session, text="word " * 2000)
    chunks = export_archive([each.pk for each in sessions], "txt").chunks
    beginning = [next(chunks) for _ in range(8)]
    assert b"".join(beginning).startswith(b"PK")
    # What is not sent yet is not read yet either.
    Turn.objects.filter(session=sessions[-1]).update(text="changed")
    archive = opened([*beginning, *chunks])
    assert "changed" in archive.read(archive.namelist()[-1]).decode()


def test_small_sessions_are_read_together(owner: User, django_assert_num_queries: Any) -> None:
    sessions = [new_session(owner, title=f"s{number}") for number in range(12)]
    for session in sessions:
        kept_turn(session, new_call(session), text=f"words of {session.title}")
        kept_usage(session, "a", "gpt-realtime", audio_out=1)
    # For ten and for two: the sessions, spent, calls, turns, usages.
    with django_assert_num_queries(10):
        files = opened(export_archive([each.pk for each in sessions], "json").chunks)
    for session, name in zip(sessions, files.namelist(), strict=True):
        alone = export_session(with_facts(Session.objects.all()).get(pk=session.pk), "json")
        assert files.read(name) == b"".join(alone.chunks)


def test_large_sessions_are_read_one_by_one(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "TURNS_AT_ONCE", 2)
    monkeypatch.delattr(archive, "export_small_sessions")
    sessions = [new_session(owner, title=str(number)) for number in range(2)]
    for number in range(3):
        kept_turn(sessions[1], item_id=str(number), text=f"words {number}")
    files = opened(export_archive([each.pk for each in sessions], "txt").chunks)
    assert "words 2" in files.read(files.namelist()[1]).decode()


def test_names_are_unique_without_regard_to_case() -> None:
    taken: set[str] = set()
    names = [unique_name(name, taken) for name in ("a.txt", "A.txt", "a (2).txt", "b.txt")]
    assert names == ["a.txt", "A (2).txt", "a (2) (2).txt", "b.txt"]
