"""The simulator as a process."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from backend.simulator.mishaps import Kind

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "backend.simulator")


async def started(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--port", "0", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert line.startswith("simulator listening on http://127.0.0.1:")
    return process, line.split()[-1]


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts children in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_within_a_second_and_its_voice_with_it(number: signal.Signals) -> None:
    loop = asyncio.get_running_loop()
    process, base_url = await started("--pace", "0")
    url = base_url.replace("http", "ws") + "/realtime?model=m"
    async with connect(url, additional_headers={"Authorization": "Bearer x"}) as socket:
        await socket.send('{"type": "response.create"}')
        while "response.done" not in str(await socket.recv()):
            pass
        children = children_of(process.pid)
        assert children
        before = loop.time()
        process.send_signal(number)
        assert await process.wait() == 0
        assert loop.time() - before < 1.5
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


async def test_its_help_names_every_mishap() -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--help", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    told = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert all(kind in told for kind in Kind)
    assert "/simulator/calls" in told


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts children in /proc")
async def test_the_voice_does_not_outlive_a_simulator_that_was_killed() -> None:
    process, base_url = await started("--pace", "0")
    url = base_url.replace("http", "ws") + "/realtime?model=m"
    async with connect(url, additional_headers={"Authorization": "Bearer x"}) as socket:
        await socket.send('{"type": "response.create"}')
        while "response.done" not in str(await socket.recv()):
            pass
        (child,) = children_of(process.pid)
        gone = asyncio.Event()
        watch = os.pidfd_open(child)
        asyncio.get_running_loop().add_reader(watch, gone.set)
        process.kill()
        await process.wait()
    async with asyncio.timeout(5):
        await gone.wait()
    asyncio.get_running_loop().remove_reader(watch)
    os.close(watch)
