"""The supervisor as a program: what it is given, its folder, and what its own death means."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.serving.listener import listen
from backend.serving.shutdown import ShutdownTimeouts
from backend.serving.supervisor import KILL_AFTER_S, arguments
from tests.serving.equipment import ROOT, is_alive, wait_until
from tests.serving.test_workers import SCRIPT, Running

GRACE_S = 45.0
"""`stop_grace_period` in docker-compose.yml."""


def test_the_workers_run_the_command_of_the_process_that_became_the_supervisor() -> None:
    given = arguments(5, 3, ShutdownTimeouts())
    assert given[:5] == ["-m", "backend.serving.supervisor", "5", "3", "38.8"]
    assert given[5:] == [sys.executable, *sys.orig_argv[1:]]


def test_a_container_is_not_killed_before_the_supervisor_has_killed_its_workers() -> None:
    assert ShutdownTimeouts().total_s + KILL_AFTER_S < GRACE_S - 3


@pytest.fixture
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def modes_in(folder: Path) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()]


@contextlib.asynccontextmanager
async def supervisor(
    temporary: Path, *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Running]]:
    """A supervisor of two workers of `worker_script`, with its temporary files in this folder."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backend.serving.supervisor"),
            *(str(listener.fileno()), "2", "10", *SCRIPT, *options),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), "DEBUG": "on"},
            pass_fds=(listener.fileno(),),
            stderr=asyncio.subprocess.DEVNULL,
        )
    waiting = asyncio.create_task(process.wait())
    try:
        yield process, Running(port, temporary, waiting)
    finally:
        if process.returncode is None:
            process.kill()
        await waiting


@pytest.mark.slow
async def test_the_folder_is_private_and_is_removed(temporary: Path) -> None:
    async with supervisor(temporary) as (process, running):
        await running.both()
        assert modes_in(temporary) == [0o700]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.task, 10) == 0
        assert modes_in(temporary) == []


@pytest.mark.slow
async def test_the_exit_code_is_that_of_the_workers(temporary: Path) -> None:
    async with supervisor(temporary, "--loses-turns") as (process, running):
        await running.both()
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(running.task, 10) == 1


@pytest.mark.slow
async def test_no_worker_outlives_a_supervisor_that_was_killed(temporary: Path) -> None:
    async with supervisor(temporary) as (process, running):
        pids = await running.both()
        process.kill()
        await wait_until(lambda: not any(map(is_alive, pids.values())), 10)
