"""Erasing a person leaves no word of theirs in any table, file or tape; what was spent stays."""

import sqlite3
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.audit.models import Action, AuditEntry, record, record_command
from backend.conversations import person_erasure
from backend.conversations.ledger import UsageWrite
from backend.conversations.lifecycle import end_call
from backend.conversations.models import Call, ReviewNote, Session, Usage
from backend.conversations.person_erasure import (
    CALLS_WITHIN_S,
    ErasureRefused,
    StillOnDisk,
    belongings_of,
    erase_person,
)
from backend.conversations.writing import write
from backend.protocol.endings import Ending
from backend.protocol.usage import Usage as SomeUsage
from tests.conversations.equipment import (
    kept_turn,
    kept_usage,
    new_call,
    new_session,
    turn,
    turn_write,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]

WORDS = ("zanzibar-sea", "ひみつの計画", "gorgonzola-title", "mallory-the-user")


def no_sleep(_: float) -> None:
    """Nobody waits: no call is live."""


def all_values() -> str:
    """Every value of every table."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += cursor.fetchall()
    return repr(rows)


def sqlite_bytes() -> bytes:
    """The database's file and its log, as a backup of the disk would have them."""
    path = Path(connection.settings_dict["NAME"])
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


@pytest.fixture
def mallory() -> User:
    return User.objects.create_user("mallory-the-user", password="x" * 12, is_staff=True)


def much_of(user: User) -> Session:
    """A session with everything that is stored of a conversation."""
    session = new_session(user, title="gorgonzola-title")
    call = new_call(session)
    kept_turn(session, call, text="zanzibar-sea")
    # Versions of a growing turn: SQLite keeps their bytes in free pages.
    for end in range(1, 7):
        write([turn_write(call, turn("item_2", "ひみつの計画"[:end] * 300))])
    kept_usage(session, "resp_1", "gpt-realtime", audio_out=10)
    end_call(call.call_id, Ending.COMPLETED)
    LogEntry.objects.create(
        user=user, content_type=ContentType.objects.get_for_model(Session),
        object_id=str(session.pk), object_repr=session.title, action_flag=CHANGE,
    )  # fmt: skip
    return session


def test_a_long_ledger_loses_the_name_in_batches(
    mallory: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_erasure, "USAGES_AT_ONCE", 2)
    session = new_session(mallory)
    for number in range(5):
        kept_usage(session, str(number), "gpt-realtime", audio_out=10)
    kept_usage(new_session(stranger), "other", "gpt-realtime", audio_out=10)
    with CaptureQueriesContext(connection) as queries:
        erase_person(mallory, no_sleep)
    unnamed = 'UPDATE "conversations_usage" SET "user_id" = NULL WHERE "conversations_usage"."id"'
    assert sum(each["sql"].startswith(unnamed) for each in queries) == 3
    assert Usage.objects.filter(user=None).count() == 5
    assert Usage.objects.filter(user=stranger).count() == 1


def test_no_word_is_left_in_any_table_file_or_tape(
    mallory: User, stranger: User, settings: Any, tmp_path: Path
) -> None:
    settings.TAPE_DIR = str(tmp_path)
    session = much_of(mallory)
    hidden = new_session(mallory, title="gorgonzola-title")
    Session.objects.filter(pk=hidden.pk).update(deleted_at=timezone.now())
    for call in Call.objects.all():
        (tmp_path / f"{call.pk}.jsonl").write_text("zanzibar-sea")
    theirs = new_session(stranger, title="kept")
    kept_turn(theirs, item_id="x", text="kept words")
    record(mallory, Action.CALL_ENDED, "call", "some-id", stranger.pk)
    ReviewNote.objects.create(
        session=theirs, reviewer=mallory, reviewer_name=WORDS[3], note=WORDS[0]
    )
    login = SessionStore()
    login["_auth_user_id"] = str(mallory.pk)
    login.save()
    assert all(word in all_values() for word in WORDS)

    user_id = mallory.pk
    erase_person(mallory, no_sleep)

    left = all_values()
    assert [word for word in WORDS if word in left] == []
    assert "kept words" in left
    assert list(tmp_path.iterdir()) == []
    assert not SessionStore(login.session_key).load()
    row = Usage.objects.get(source_id="resp_1")
    assert (row.user, row.session, row.call, row.audio_out) == (None, None, None, 10)
    audited = AuditEntry.objects.order_by("pk").values_list("actor_name", "action", "target")
    assert list(audited) == [
        ("", "call_ended", "some-id"),
        ("manage.py", "person_erased", str(user_id)),
    ]
    assert session.pk not in Session.with_deleted.values_list("pk", flat=True)
    if connection.vendor == "sqlite":
        connections.close_all()
        on_disk = sqlite_bytes()
        assert [word for word in WORDS if word.encode() in on_disk] == []
        assert b"kept words" in on_disk


def test_a_live_call_is_ended_and_waited_for(mallory: User) -> None:
    call = new_call(new_session(mallory))
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        assert not User.objects.get(pk=mallory.pk).is_active
        if len(naps) == 3:
            end_call(call.call_id, Ending.REVOKED)

    erase_person(mallory, sleep)
    assert len(naps) == 3
    assert not User.objects.filter(username=WORDS[3]).exists()
    write([turn_write(call, turn("late", "zanzibar-sea"))])
    assert "zanzibar-sea" not in all_values()


def test_a_call_that_does_not_end_keeps_everything_but_the_login(mallory: User) -> None:
    session = new_session(mallory)
    new_call(session)
    waited: list[float] = []
    with pytest.raises(ErasureRefused, match="does not end"):
        erase_person(mallory, waited.append)
    assert sum(waited) == CALLS_WITHIN_S
    assert Session.objects.filter(pk=session.pk).exists()
    assert not User.objects.get(pk=mallory.pk).is_active


def test_the_only_superuser_is_not_erased(mallory: User) -> None:
    User.objects.filter(pk=mallory.pk).update(is_superuser=True)
    mallory.refresh_from_db()
    with pytest.raises(ErasureRefused, match="only superuser"):
        erase_person(mallory, no_sleep)
    assert User.objects.get(pk=mallory.pk).is_active
    User.objects.create_superuser("another")
    erase_person(mallory, no_sleep)
    assert not User.objects.filter(username=WORDS[3]).exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_bill_that_is_written_meanwhile_loses_the_name(
    mallory: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = usage_write(much_of(mallory).pk, mallory.pk)
    is_stored, is_erased = Event(), Event()

    def store_late() -> None:
        try:
            with transaction.atomic():
                write([late])
                is_stored.set()
                is_erased.wait(0.3)
        finally:
            connections.close_all()

    writer = Thread(target=store_late)
    act = record_command

    def during_the_erasure(*given: Any) -> None:
        writer.start()
        is_stored.wait(0.3)
        act(*given)

    monkeypatch.setattr(person_erasure, "record_command", during_the_erasure)
    try:
        erase_person(mallory, no_sleep)
    finally:
        is_erased.set()
        writer.join()
    assert Usage.objects.get(source_id="resp_late").user_id is None


def usage_write(session_id: UUID, user_id: int) -> UsageWrite:
    used = SomeUsage("resp_late", "response", text_out=5)
    return UsageWrite(session_id, None, "gpt-realtime", used, user_id)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reuses its pages by itself")
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN; SELECT * FROM auth_user"])
def test_a_file_that_could_not_be_rewritten_is_told(
    mallory: User, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    much_of(mallory)
    overwrite = person_erasure._overwrite_free_pages
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)

    def while_another_process_works() -> None:
        for statement in lock.split("; "):
            other.execute(statement).fetchone()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 100")
        overwrite()

    monkeypatch.setattr(person_erasure, "_overwrite_free_pages", while_another_process_works)
    try:
        with pytest.raises(StillOnDisk, match="Stop Kaiwa"):
            erase_person(mallory, no_sleep)
    finally:
        other.close()
        connection.close()
    assert not User.objects.filter(username=WORDS[3]).exists()


def test_what_is_kept_of_a_person_is_counted(mallory: User, stranger: User) -> None:
    much_of(mallory)
    kept_turn(new_session(stranger))
    found = belongings_of(mallory)
    assert (found.sessions, found.turns, found.calls, found.tapes, found.usages) == (1, 2, 1, 0, 1)


def test_every_table_with_a_user_is_known() -> None:
    """A new table that refers to a user has to say here what an erasure does with its rows."""
    cascade = {
        model._meta.label: [
            cast(Any, field.remote_field).on_delete.__name__
            for field in model._meta.get_fields()
            if field.is_relation and field.related_model is User and field.concrete
        ]
        for model in apps.get_models()
    }
    assert {label: actions for label, actions in cascade.items() if actions} == {
        "accounts.DemoUser": ["CASCADE"],
        "accounts.Ticket": ["CASCADE"],
        "admin.LogEntry": ["CASCADE"],
        "authtoken.Token": ["CASCADE"],
        "authtoken.TokenProxy": ["CASCADE"],
        "conversations.ReviewNote": ["SET_NULL"],
        "conversations.Session": ["CASCADE"],
        "conversations.Usage": ["SET_NULL"],
        "direct.EphemeralKey": ["SET_NULL"],
        "reports.CallFigures": ["SET_NULL"],
        "reports.DailyFigures": ["SET_NULL"],
        "spending.Budget": ["CASCADE"],
    }
