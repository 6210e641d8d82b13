"""What dead processes left is stored once, by one process, and the files are deleted."""

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DataError, OperationalError

from backend.conversations import lifecycle, spool_replay
from backend.conversations.models import Call, Session, Turn, Usage
from backend.conversations.spool import Spool
from backend.conversations.spool_format import line_of
from backend.conversations.spool_replay import Replayed, replay, tidy
from backend.conversations.writing import TurnWrite, Write, Written, write, write_replayed
from backend.protocol import usage
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from tests.conversations.equipment import (
    NOON,
    ending_write,
    new_call,
    new_session,
    turn,
    turn_write,
    usage_write,
)

GROWING = TurnStatus.IN_PROGRESS


def left_by_a_dead_process(folder: Path, *writes: Write) -> Path:
    dead = Spool(folder, "tag")
    assert dead.sync(dict(enumerate(writes))) == 0
    dead.close()
    (path,) = folder.glob("tag-*.jsonl")
    return path


class Kept:
    """Instead of the database: keeps what is written, or raises."""

    def __init__(self, *errors: Exception | None) -> None:
        self.batches: list[list[Write]] = []
        self.errors = list(errors)

    def write(self, writes: Sequence[Write]) -> Written:
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.batches.append(list(writes))
        return Written()

    @property
    def writes(self) -> list[Write]:
        return [each for batch in self.batches for each in batch]


def of_a_call(text: str = "Hello there.", item_id: str = "item_1", position: int = 0) -> TurnWrite:
    return TurnWrite(SESSION, CALL, 0, turn(item_id, text, position=position))


SESSION, CALL = uuid4(), uuid4()


def test_a_file_is_stored_in_order_and_deleted(tmp_path: Path) -> None:
    ending = lifecycle_ending()
    turns = [of_a_call(str(number), f"item_{number}", number) for number in range(3)]
    left_by_a_dead_process(tmp_path, ending, *reversed(turns))
    kept = Kept()
    assert replay(tmp_path, "tag", write=kept.write) == Replayed(files=1, writes=4)
    assert kept.writes == [*turns, ending]
    assert list(tmp_path.iterdir()) == []


def lifecycle_ending() -> Write:
    return ending_write(
        lifecycle.OpenedCall(CALL, SESSION, "en", "marin", "openai", "m", "t", 0, ()),
        Ending.DRAINING,
    )


def test_a_file_that_cannot_be_read_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = tmp_path / "tag-0.jsonl"
    left_by_a_dead_process(tmp_path, of_a_call("One.")).rename(unreadable)
    left_by_a_dead_process(tmp_path / "other", of_a_call("Two.")).rename(tmp_path / "tag-1.jsonl")
    opened = Path.open

    def refuse_one(path: Path, mode: str) -> IO[Any]:
        if path == unreadable:
            raise PermissionError
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refuse_one)
    kept = Kept()
    assert replay(tmp_path, "tag", write=kept.write).files == 1
    assert kept.writes == [of_a_call("Two.")]


def test_a_file_that_cannot_be_deleted_is_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_dead_process(tmp_path, of_a_call())

    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Path, "unlink", refuse)
    kept, undeleted = Kept(), set[Path]()
    for _ in range(2):
        replay(tmp_path, "tag", write=kept.write, undeleted=undeleted)
    assert kept.writes == [of_a_call()]


def test_the_file_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    living = Spool(tmp_path, "tag")
    living.sync({1: of_a_call()})
    kept = Kept()
    assert replay(tmp_path, "tag", write=kept.write) == Replayed()
    living.sync({1: of_a_call("More.")})
    living.close()
    replay(tmp_path, "tag", write=kept.write)
    assert kept.writes == [of_a_call("More.")]


def test_a_file_that_was_rewritten_under_a_replay_is_left_alone(tmp_path: Path) -> None:
    living = Spool(tmp_path, "tag", max_bytes=700)
    living.sync({1: of_a_call()})
    (path,) = tmp_path.iterdir()
    with path.open("rb") as opened_before:
        for number in range(5):
            living.sync({1: of_a_call(str(number))}, True)
        assert not os.path.samestat(os.fstat(opened_before.fileno()), path.stat())
    assert replay(tmp_path, "tag", write=Kept().write) == Replayed()


@pytest.mark.slow
def test_a_process_that_is_killed_gives_its_file_back(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from backend.conversations.spool import lock\n"
        "file = os.open(sys.argv[1], os.O_RDWR)\n"
        "assert lock(file)\n"
        "print(flush=True)\n"
        "signal.pause()\n"
    )
    path = left_by_a_dead_process(tmp_path, of_a_call())
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    script = f"import django\ndjango.setup()\n{script}"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, env=environ
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        assert replay(tmp_path, "tag", write=Kept().write).files == 0
        process.kill()
    assert replay(tmp_path, "tag", write=Kept().write).files == 1


def test_what_the_database_does_not_take_yet_stays_in_the_file(tmp_path: Path) -> None:
    path = left_by_a_dead_process(tmp_path, of_a_call())
    kept = Kept(OperationalError("database is locked"))
    with pytest.raises(OperationalError):
        replay(tmp_path, "tag", write=kept.write)
    assert path.exists()
    assert replay(tmp_path, "tag", write=kept.write).writes == 1
    assert not path.exists()


def test_a_write_that_the_database_refuses_costs_only_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turns = [of_a_call(f"a secret {number}", f"item_{number}", number) for number in range(3)]
    left_by_a_dead_process(tmp_path, *turns)
    kept = Kept(DataError("secret"), None, DataError("secret"))
    replay(tmp_path, "tag", write=kept.write)
    assert kept.writes == [turns[0], turns[2]]
    assert "recorder.row_refused" in caplog.text
    assert "secret" not in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_lines_that_cannot_be_read_are_set_aside_for_a_week(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = left_by_a_dead_process(tmp_path, of_a_call())
    path.write_bytes(b"a secret\n" + path.read_bytes() + line_of(of_a_call("Torn."))[:-9])
    kept = Kept()
    assert replay(tmp_path, "tag", write=kept.write) == Replayed(1, 1, 1)
    assert kept.writes == [of_a_call()]
    (aside,) = tmp_path.iterdir()
    assert aside.read_bytes() == b"a secret\n"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert "spool.lines_invalid" in caplog.text
    assert "secret" not in caplog.text
    tidy(tmp_path)
    assert aside.exists()
    old_s = time.time() - spool_replay.KEEP_INVALID_S - 1
    os.utime(aside, (old_s, old_s))
    tidy(tmp_path)
    assert not aside.exists()


def test_an_unfinished_rewrite_is_deleted_and_another_databases_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "tag-1.new").touch()
    (tmp_path / "other-1.jsonl").touch()
    tidy(tmp_path)
    assert replay(tmp_path, "tag", write=Kept().write) == Replayed()
    assert [path.name for path in tmp_path.iterdir()] == ["other-1.jsonl"]
    assert spool_replay.files_of_other_databases(tmp_path, "tag") == 1
    assert spool_replay.files_of_other_databases(tmp_path / "none", "tag") == 0


# On the real database


@pytest.mark.postgres
@pytest.mark.django_db
def test_everything_is_stored_once_and_twice_is_harmless(owner: User, tmp_path: Path) -> None:
    call = new_call(new_session(owner))
    left: list[Write] = [
        turn_write(call, turn("item_1", "Question?")),
        turn_write(call, turn("item_2", "Ans", position=1, status=GROWING)),
        usage_write(call, usage.Usage("resp_1", "response", audio_out=3)),
        ending_write(call, Ending.DRAINING),
    ]
    for _ in range(2):
        left_by_a_dead_process(tmp_path, *left)
        replay(tmp_path, "tag")
    rows = Turn.objects.order_by("position").values_list("text", "status")
    assert list(rows) == [("Question?", "completed"), ("Ans", "interrupted")]
    assert Usage.objects.count() == 1
    assert Call.objects.get().ending == Ending.DRAINING


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_words_of_a_session_that_is_gone_are_dropped(owner: User, tmp_path: Path) -> None:
    session = new_session(owner)
    call = new_call(session)
    session.delete()
    left_by_a_dead_process(tmp_path, turn_write(call, turn()), ending_write(call, Ending.IDLE))
    replay(tmp_path, "tag")
    assert not Turn.objects.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db
def test_no_turn_stays_in_progress_after_a_call_that_was_ended_first(owner: User) -> None:
    call = new_call(new_session(owner))
    lifecycle.end_call(call.call_id, Ending.INTERRUPTED)
    write_replayed([turn_write(call, turn(text="Unfin", status=GROWING))])
    assert list(Turn.objects.values_list("text", "status")) == [("Unfin", "interrupted")]


@pytest.mark.django_db
def test_an_answer_without_a_call_that_was_not_finished_has_failed(
    owner: User, tmp_path: Path
) -> None:
    session = new_session(owner)
    left_by_a_dead_process(tmp_path, TurnWrite(session.pk, None, 0, turn(status=GROWING)))
    replay(tmp_path, "tag")
    assert Turn.objects.get().status == TurnStatus.FAILED


LATER = NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("in_database", "in_spool", "kept"),
    [
        ({"text": "Hello."}, {"text": "Hel", "status": GROWING}, "Hello."),
        ({"text": "Hello", "status": GROWING}, {"text": "Hel", "status": GROWING}, "Hello"),
        ({"text": "Hel", "status": GROWING}, {"text": "Hello", "status": GROWING}, "Hello"),
        ({"text": "Hel", "status": GROWING}, {"text": "Hello."}, "Hello."),
        ({"text": "Hel", "status": TurnStatus.INTERRUPTED}, {"text": "Hello."}, "Hello."),
        (
            {"text": "Hel", "status": TurnStatus.INTERRUPTED},
            {"text": "Hello", "status": GROWING},
            "Hello",
        ),
        ({"text": "Second.", "completed_at": LATER}, {"text": "First."}, "Second."),
        ({"text": "First."}, {"text": "Second.", "completed_at": LATER}, "Second."),
        ({"text": "Retried.", "started_at": LATER}, {"text": "First try."}, "Retried."),
    ],
)
@pytest.mark.django_db
def test_a_newer_version_in_the_database_stays(
    owner: User, in_database: dict[str, Any], in_spool: dict[str, Any], kept: str
) -> None:
    call = new_call(new_session(owner))
    write([turn_write(call, turn()._replace(**in_database))])
    write_replayed([turn_write(call, turn()._replace(**in_spool))])
    assert Turn.objects.get().text == kept
    assert Session.objects.count() == 1
