"""The spool's file: who may read it, what is in it, its bound, and a disk that refuses."""

import errno
import os
import stat
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.conversations import spool
from backend.conversations.spool import Spool, database_tag
from backend.conversations.spool_format import read
from backend.conversations.writing import EndingWrite, TurnWrite, Write
from backend.protocol.endings import Ending
from backend.protocol.transcript.turns import TurnStatus
from tests.conversations.test_spool_format import CALL, SESSION, turn_write

GROWING = TurnStatus.IN_PROGRESS
NOTHING: dict[Hashable, Write] = {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "spool"


def of(folder: Path, max_bytes: int = spool.MAX_BYTES) -> Spool:
    return Spool(folder, "tag", max_bytes=max_bytes)


def texts_in(folder: Path) -> list[str]:
    (path,) = folder.glob("tag-*.jsonl")
    contents = read(path.read_bytes().splitlines(keepends=True))
    assert (contents.invalid, contents.is_torn) == ([], False)
    return [each.turn.text for each in contents.writes.values() if isinstance(each, TurnWrite)]


def test_only_its_owner_may_read_it(folder: Path) -> None:
    of(folder).sync({1: turn_write()})
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_only_what_has_changed_is_appended(folder: Path) -> None:
    of_process, first = of(folder), turn_write(text="Hel", status=GROWING)
    assert of_process.sync({1: first, 2: turn_write("item_2", "Other.")}) == 0
    size = of_process.size_bytes
    assert of_process.sync({1: first, 2: turn_write("item_2", "Another.")}) == 0
    assert size < of_process.size_bytes < 2 * size
    assert texts_in(folder) == ["Hel", "Another."]
    assert of_process.size_bytes == next(folder.iterdir()).stat().st_size


def test_what_was_stored_meanwhile_is_noted(folder: Path) -> None:
    of_process, first, second = of(folder), turn_write(), turn_write("item_2", "Other.")
    of_process.sync({1: first, 2: second})
    of_process.sync({2: second})
    assert texts_in(folder) == ["Other."]
    assert of_process.writes == 1


def test_the_file_is_deleted_once_everything_is_stored(folder: Path) -> None:
    of_process = of(folder)
    assert of_process.sync(NOTHING) == 0
    assert not folder.exists()
    of_process.sync({1: turn_write()})
    of_process.sync(NOTHING)
    assert list(folder.iterdir()) == []
    assert (of_process.size_bytes, of_process.writes) == (0, 0)
    of_process.sync({1: turn_write(text="Again.")})
    assert texts_in(folder) == ["Again."]


def test_a_full_file_is_rewritten_with_the_newest_versions(folder: Path) -> None:
    of_process = of(folder, max_bytes=2_000)
    for number in range(50):
        assert of_process.sync({1: turn_write(text=str(number), status=GROWING)}, True) == 0
        assert of_process.size_bytes <= 2_000
    assert texts_in(folder) == ["49"]
    assert len(list(folder.iterdir())) == 1
    assert of_process.refused_total == 0


def test_what_finds_no_room_is_counted_once_and_nothing_final_is_dropped_for_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of_process = of(folder, max_bytes=1_500)
    grows: dict[Hashable, Write] = {
        number: turn_write(f"item_{number}", "a secret", status=GROWING) for number in range(9)
    }
    ends: dict[Hashable, Write] = {
        "final": turn_write("final", "Final."),
        "ending": EndingWrite(SESSION, CALL, Ending.IDLE),
    }
    missing = of_process.sync(grows, True)
    assert 0 < missing < 9
    missing = of_process.sync(grows | ends, True)
    assert "Final." in texts_in(folder)
    assert of_process.refused_total == missing
    of_process.sync(grows | ends, True)
    assert of_process.refused_total == missing
    assert of_process.size_bytes <= 1_500
    assert "spool.refused" in caplog.text
    assert "secret" not in caplog.text


def test_a_full_file_is_not_rewritten_all_the_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_process = of(folder, max_bytes=1_000)
    rewrites: list[int] = []
    rewrite = Spool._rewrite

    def counted(self: Spool, unwritten: Mapping[Hashable, Write]) -> None:
        rewrites.append(1)
        rewrite(self, unwritten)

    monkeypatch.setattr(Spool, "_rewrite", counted)
    for number in range(30):
        of_process.sync({1: turn_write(text=str(number))})
    assert len(rewrites) == 1


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_disk_that_refuses_costs_nothing_that_is_there(
    folder: Path, call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    of_process, first = of(folder), turn_write()
    of_process.sync({1: first})
    whole = getattr(os, call)

    def refuse(file: int, *more: Any) -> int:
        if call == "pwrite":
            # A part is written before the disk is full.
            whole(file, more[0][:5], more[1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    both: dict[Hashable, Write] = {1: first, 2: turn_write("item_2", "Other.")}
    assert of_process.sync(both) == 1
    assert of_process.sync(both) == 1
    assert (of_process.is_failing, of_process.refused_total) == (True, 1)
    assert [record.message for record in caplog.records].count("spool.failed") == 1
    monkeypatch.undo()
    assert of_process.sync(both) == 1, "it pauses after a failure"
    assert of_process.sync(both, True) == 0
    assert not of_process.is_failing
    assert texts_in(folder) == ["Hello there.", "Other."]


def test_a_folder_that_cannot_be_made_is_reported_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    of_process = of(tmp_path / "file" / "spool")
    assert of_process.sync({1: turn_write()}) == 1
    assert of_process.is_failing
    assert of_process.sync(NOTHING) == 0


def test_the_tag_names_the_database_and_not_its_login() -> None:
    one = {"ENGINE": "postgresql", "HOST": "db", "PORT": 5432, "NAME": "kaiwa", "PASSWORD": "a"}
    assert database_tag(one) == database_tag({**one, "PASSWORD": "b", "USER": "x"})
    assert database_tag(one) != database_tag({**one, "NAME": "other"})
