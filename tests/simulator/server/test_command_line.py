"""The simulator as a process: start, stop, errors of the command line."""

import asyncio
import errno
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from backend.simulator.engine.mishaps import Kind
from backend.simulator.server.command_line import main, start_failure

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
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
async def test_a_signal_stops_it_and_its_child_within_a_second(number: signal.Signals) -> None:
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
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert all(kind in output for kind in Kind)
    assert "/simulator/calls" in output


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts children in /proc")
async def test_the_child_ends_when_the_simulator_is_killed() -> None:
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


async def test_a_port_in_use_is_reported_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--port", str(port), cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        output = (await process.communicate())[1].decode()
    assert process.returncode == 1
    assert output == (
        f"The simulator cannot start: port {port} is in use. "
        "Stop what uses it, or let it find a free one: --port 0\n"
    )


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.EACCES, "above 1023"), (errno.EADDRNOTAVAIL, "--host")]
)
def test_other_errors_of_listening_are_reported_too(number: int, hint: str) -> None:
    output = start_failure(OSError(number, os.strerror(number)), "192.0.2.1", 80)
    assert output.startswith("The simulator cannot start: ")
    assert hint in output


@pytest.mark.parametrize("port", ["65536", "-1", "x", "٣", "²", " 1", "1\x1f"])
def test_an_invalid_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([f"--port={port}"])
    assert left.value.code == 2
    assert "is no port: a number from 0 to 65535" in capsys.readouterr().err
