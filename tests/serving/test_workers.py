"""Several workers as real processes: started, passed signals, started again, killed at last."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.serving.listener import listen
from backend.serving.worker_beats import LOOK_S
from backend.serving.workers import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    STEADY_S,
    Workers,
    exit_code_of,
    pause_s,
)
from tests.serving.equipment import is_alive

SCRIPT = (sys.executable, "-m", "tests.serving.worker_script")


def test_a_worker_that_has_lived_is_started_again_at_once() -> None:
    assert pause_s(STEADY_S, LONGEST_PAUSE_S) == 0.0


def test_a_worker_that_dies_again_and_again_is_started_ever_more_rarely() -> None:
    pauses = [0.0]
    for _ in range(8):
        pauses.append(pause_s(STEADY_S / 2, pauses[-1]))
    assert pauses[1:4] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 0], 0),
        ([0, 1], 1),
        ([0, -signal.SIGKILL], 1),
        # The signal came while it was starting, and it had nothing to lose.
        ([0, -signal.SIGTERM, -signal.SIGINT], 0),
        ([], 0),
    ],
)
def test_the_exit_code_says_whether_all_was_written(codes: list[int], expected: int) -> None:
    assert exit_code_of(codes) == expected


@dataclass
class Running:
    """Two workers of `worker_script`, and what they answer."""

    port: int
    folder: Path
    task: asyncio.Task[int]

    async def answer(self) -> tuple[int, int]:
        """Connect once; returns the number and the process id of the worker that accepted."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        line = await asyncio.wait_for(reader.readline(), 20)
        writer.close()
        number, pid = map(int, line.split())
        return number, pid

    async def both(self) -> dict[int, int]:
        """Connect until both have answered; returns their process ids by their numbers."""
        found: dict[int, int] = {}
        async with asyncio.timeout(20):
            while len(found) < 2:
                number, pid = await self.answer()
                found[number] = pid
        return found

    async def signals(self, number: int, count: int) -> list[str]:
        """Wait until this worker has received so many signals."""
        path = self.folder / f"signals-{number}"
        async with asyncio.timeout(10):
            while not path.exists() or len(path.read_text().split()) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return path.read_text().split()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@contextlib.asynccontextmanager
async def two_workers(
    folder: Path, *options: str, stop_within_s: float = 20, look_s: float = LOOK_S
) -> AsyncIterator[Running]:
    listener = listen("127.0.0.1", 0)
    workers = Workers((*SCRIPT, *options), listener, 2, folder, stop_within_s, look_s)
    running = Running(listener.getsockname()[1], folder, asyncio.create_task(workers.run()))
    try:
        yield running
        assert running.task.done()
    finally:
        listener.close()
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)


@pytest.mark.slow
async def test_both_workers_get_connections_and_one_signal_ends_them(folder: Path) -> None:
    async with two_workers(folder) as running:
        pids = await running.both()
        assert set(pids) == {1, 2}
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) == 0
        assert [await running.signals(number, 1) for number in pids] == [["SIGTERM"]] * 2
        assert not any(map(is_alive, pids.values()))
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", running.port)) != 0


@pytest.mark.slow
async def test_a_second_signal_is_passed_on_too(folder: Path) -> None:
    async with two_workers(folder, "--stubborn") as running:
        pids = await running.both()
        os.kill(os.getpid(), signal.SIGTERM)
        for number in pids:
            await running.signals(number, 1)
        assert not running.task.done()
        os.kill(os.getpid(), signal.SIGINT)
        assert await asyncio.wait_for(running.task, 10) == 0
        assert await running.signals(1, 2) == ["SIGTERM", "SIGINT"]


@pytest.mark.slow
async def test_a_worker_that_died_is_started_again_and_the_other_goes_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_workers(folder) as running:
        before = await running.both()
        os.kill(before[1], signal.SIGKILL)
        after = before
        async with asyncio.timeout(20):
            while after[1] == before[1]:
                after = await running.both()
        assert after[2] == before[2]
        (record,) = [one for one in caplog.records if one.message == "server.worker_died"]
        fields = vars(record)["fields"]
        # Without a pause, if the machine was so slow that the worker has lived for 10 s.
        assert fields.pop("wait_s") in (0.0, FIRST_PAUSE_S)
        assert fields == {"worker": "1", "pid": before[1], "exit_code": -signal.SIGKILL}
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) == 0


@pytest.mark.slow
async def test_a_worker_whose_loop_hangs_is_killed_and_started_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_workers(folder, "--beats", look_s=0.1) as running:
        before = await running.both()
        os.kill(before[1], signal.SIGSTOP)
        async with asyncio.timeout(20):
            while "server.worker_died" not in caplog.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        hung, died = (
            vars(record)["fields"]
            for record in caplog.records
            if record.message in ("server.worker_hung", "server.worker_died")
        )
        assert hung == {"worker": "1", "pid": before[1]}
        assert died["exit_code"] == -signal.SIGKILL
        after = await running.both()
        assert after[1] != before[1]
        assert after[2] == before[2]
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) == 0


@pytest.mark.slow
async def test_a_worker_that_does_not_stop_is_killed(folder: Path) -> None:
    async with two_workers(folder, "--deaf", stop_within_s=0.5) as running:
        pids = await running.both()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) == 1
        assert not any(map(is_alive, pids.values()))


@pytest.mark.slow
async def test_what_a_worker_could_not_write_is_in_the_exit_code(folder: Path) -> None:
    async with two_workers(folder, "--loses-turns") as running:
        await running.both()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) == 1


@pytest.mark.slow
async def test_a_signal_ends_the_pause_before_the_next_start(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_workers(folder, "--dies") as running:
        async with asyncio.timeout(20):
            while "server.worker_died" not in caplog.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) in (0, 1)


@pytest.mark.slow
async def test_a_worker_that_cannot_be_started_is_tried_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen("127.0.0.1", 0)
    running = asyncio.create_task(Workers(["/no/such/program"], listener, 1, folder, 20).run())
    async with asyncio.timeout(20):
        while caplog.messages.count("server.worker_not_started") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 10) == 0
