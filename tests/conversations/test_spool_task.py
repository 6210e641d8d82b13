"""A server process replays what dead processes left, at its start and again and again."""

import asyncio
from pathlib import Path

import pytest
from django.db import OperationalError

from backend.conversations import spool_replay
from backend.conversations.spool_replay import Replayed
from backend.conversations.spool_task import ReplayTask
from backend.conversations.writing import Written


async def test_the_task_replays_at_its_start_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[Written] = []
    stored = Written(costs=(("m", None),))
    answers: list[Exception | Written] = [OperationalError("away"), stored]

    def store(*_: object, announce: spool_replay.Announce, **__: object) -> Replayed:
        answer = answers.pop(0) if answers else Written()
        if isinstance(answer, Exception):
            raise answer
        announce(answer)
        return Replayed()

    monkeypatch.setattr(spool_replay, "replay", store)
    task = ReplayTask(tmp_path, "tag", announce=announced.append, every_s=0)
    task.start()
    # Again: nothing happens.
    task.start()
    await task.first_round(10)
    async with asyncio.timeout(10):
        while stored not in announced:  # noqa: ASYNC110
            await asyncio.sleep(0)
    await task.stop()
    await task.first_round(0)


async def test_a_folder_that_cannot_be_written_is_reported_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "spool", tmp_path / "new" / "spool"):
        task = ReplayTask(folder, "tag", announce=lambda _: None)
        task.start()
        await task.first_round(5)
        await task.stop()
    assert [each.getMessage() for each in caplog.records].count("spool.not_writable") == 1
