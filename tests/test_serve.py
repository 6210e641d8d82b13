"""The server as a process: stuck readers are disconnected; drain, signals and exit codes."""

import asyncio
import base64
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from backend.serve import MESSAGE_BYTES, heed_checks, listen, why_not

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


async def until(is_so: Callable[[], bool], within_s: float) -> None:
    """Wait until the condition is true, checking every 5 ms."""
    for _ in range(int(within_s / 0.005)):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the condition never became true")


class Process:
    """A running server: its printed lines, its port, its memory."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def says(self, word: str, within_s: float = 5.0) -> list[str]:
        """Return the words of the next printed line that begins with this word."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within_s):
            while line := await self.process.stdout.readline():
                words = line.decode().split()
                if words[0] == word:
                    return words
        raise AssertionError(f"it never said {word}")

    async def exits(self, within_s: float = 5.0) -> int:
        return await asyncio.wait_for(self.process.wait(), within_s)

    def signalled(self, number: signal.Signals) -> float:
        self.process.send_signal(number)
        return time.monotonic()

    @property
    def rss_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def call(self, path: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, close_timeout=0.2)

    def is_listening(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextlib.asynccontextmanager
async def serving(*options: str) -> AsyncIterator[Process]:
    """Run `tests.serve_app` on a free port; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.serve_app", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    running = Process(process, 0)
    try:
        running.port = int((await running.says("listening", 20))[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200" in await asyncio.wait_for(reader.readline(), 20)
        writer.close()
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def open_stuck_reader(port: int, path: str) -> socket.socket:
    """Return a socket with a small buffer that completes the handshake and then never reads."""
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stuck, ("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    head = [
        f"GET {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "",
    ]  # fmt: skip
    await loop.sock_sendall(stuck, "\r\n".join(head).encode())
    return stuck


async def keep_talking(stuck: socket.socket) -> None:
    """Send masked text frames of 2.6 KB, 25 a second, like a microphone."""
    frame = b"\x81\xfe" + (2600).to_bytes(2, "big") + b"\0\0\0\0" + b"a" * 2600
    with contextlib.suppress(OSError):
        while True:
            await asyncio.get_running_loop().sock_sendall(stuck, frame)
            await asyncio.sleep(0.04)


@pytest.mark.parametrize("is_chatty", [False, True])
async def test_a_stuck_reader_is_disconnected_and_costs_no_memory(is_chatty: bool) -> None:
    async with serving("--stuck-reader-s", "1") as running:
        before = running.rss_bytes
        stuck = await open_stuck_reader(running.port, "/flood")
        talking = asyncio.create_task(keep_talking(stuck)) if is_chatty else None
        _, _, seconds = await running.says("cut")
        assert 0.9 < float(seconds) < 2.0
        assert running.rss_bytes - before < 4_000_000
        if talking:
            talking.cancel()
        stuck.close()


async def test_twenty_stuck_readers_do_not_slow_another_call() -> None:
    async with serving("--stuck-reader-s", "3") as running:
        before = running.rss_bytes
        stuck = [await open_stuck_reader(running.port, "/flood") for _ in range(20)]
        await asyncio.sleep(0.5)
        async with running.call("/reply") as line:
            worst = 0.0
            for _ in range(20):
                began = time.monotonic()
                await line.send("ping")
                assert await line.recv() == "ping"
                worst = max(worst, time.monotonic() - began)
        assert worst < 0.2
        assert running.rss_bytes - before < 16_000_000
        for _ in stuck:
            await running.says("cut", 8)
        for one in stuck:
            one.close()


async def test_a_reader_stuck_below_the_high_water_mark_is_disconnected_after_its_call() -> None:
    async with serving("--stuck-reader-s", "0.5") as running:
        stuck = await open_stuck_reader(running.port, "/fill")
        await running.says("filled")
        connections = f"/proc/{running.process.pid}/fd"
        await until(lambda: socket_count(connections) == 1, 3)
        stuck.close()


def socket_count(folder: str) -> int:
    """Count the open TCP sockets of a process, the listener included."""
    tcp = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    count = 0
    for descriptor in Path(folder).iterdir():
        with contextlib.suppress(FileNotFoundError):
            link = str(descriptor.readlink())
            count += link.startswith("socket:[") and link[8:-1] in tcp
    return count


async def test_a_slow_reader_that_keeps_reading_is_not_disconnected() -> None:
    async with serving("--stuck-reader-s", "0.4") as running, running.call("/flood") as line:
        for _ in range(12):
            for _ in range(40):
                await line.recv()
            await asyncio.sleep(0.1)
        line.transport.abort()


async def in_mid_reply(running: Process) -> ClientConnection:
    line = await running.call("/reply")
    await line.send("hello")
    assert await line.recv() == "hello"
    return line


async def end_of(line: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await line.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_a_signal_waits_for_replies_and_then_closes_with_1012() -> None:
    async with serving() as running:
        lines = [await in_mid_reply(running) for _ in range(20)]
        signalled = running.signalled(signal.SIGTERM)
        await until(lambda: not running.is_listening(), 1)
        assert time.monotonic() - signalled < 0.1
        assert await lines[0].recv() == "draining"
        await asyncio.sleep(0.5)
        for line in lines:
            await line.send("done")
        assert [await end_of(line) for line in lines] == [(1012, "draining")] * 20
        assert (await running.says("drain"))[1] == "30.0"
        await running.says("flushed")
        assert await running.exits() == 0
        assert time.monotonic() - signalled < 3
        listen("127.0.0.1", running.port).close()


async def test_the_drain_has_a_time_limit() -> None:
    async with serving("--drain-s", "1") as running:
        line = await in_mid_reply(running)
        signalled = running.signalled(signal.SIGTERM)
        assert await end_of(line) == (1012, "draining")
        assert await running.exits() == 0
        assert 0.9 < time.monotonic() - signalled < 3


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_drain_but_flushes(second: signal.Signals) -> None:
    async with serving() as running:
        line = await in_mid_reply(running)
        running.signalled(signal.SIGTERM)
        await running.says("drain")
        signalled = running.signalled(second)
        assert await end_of(line) == (1012, "draining")
        await running.says("flushed")
        assert await running.exits() == 0
        assert time.monotonic() - signalled < 1.5


async def test_ctrl_c_drains_for_no_longer_than_two_seconds() -> None:
    async with serving() as running:
        line = await in_mid_reply(running)
        signalled = running.signalled(signal.SIGINT)
        assert await end_of(line) == (1012, "draining")
        await running.says("flushed")
        assert await running.exits() == 0
        assert time.monotonic() - signalled < 2.5


async def test_a_stuck_reader_does_not_delay_the_drain() -> None:
    async with serving("--drain-s", "0.5") as running:
        stuck = await open_stuck_reader(running.port, "/flood")
        await asyncio.sleep(0.5)
        signalled = running.signalled(signal.SIGTERM)
        await running.says("flushed")
        assert await running.exits() == 0
        assert time.monotonic() - signalled < 3
        stuck.close()


async def test_an_application_that_ignores_cancellation_does_not_delay_the_exit() -> None:
    async with serving("--drain-s", "0.2") as running:
        line = await running.call("/deaf")
        signalled = running.signalled(signal.SIGTERM)
        await running.says("flushed")
        assert await running.exits() == 0
        assert time.monotonic() - signalled < 4
        line.transport.abort()


async def test_a_hanging_thread_does_not_delay_the_exit() -> None:
    async with serving("--thread-hangs") as running:
        signalled = running.signalled(signal.SIGTERM)
        assert await running.exits() == 0
        assert time.monotonic() - signalled < 2


async def test_the_runtime_starts_before_the_first_call() -> None:
    async with serving() as running:
        await running.says("started")


async def test_a_broken_drain_still_flushes() -> None:
    async with serving("--drain-fails") as running:
        line = await in_mid_reply(running)
        running.signalled(signal.SIGTERM)
        await running.says("flushed")
        assert await running.exits() == 0
        line.transport.abort()


async def test_unwritten_data_gives_an_exit_code() -> None:
    async with serving("--stop-takes-s", "30", "--flush-s", "0.2") as running:
        running.signalled(signal.SIGTERM)
        assert await running.exits() == 1


async def test_a_message_over_the_limit_is_closed_with_1009_and_nothing_is_compressed() -> None:
    async with serving() as running, running.call("/reply") as line:
        assert line.response is not None
        assert "Sec-WebSocket-Extensions" not in line.response.headers
        assert "server" not in line.response.headers
        # The close may arrive while the rest is still being sent.
        with contextlib.suppress(ConnectionClosed):
            await line.send("x" * (MESSAGE_BYTES + 1))
        assert (await end_of(line))[0] == 1009


@pytest.mark.parametrize(
    ("path", "is_error"), [("/refuse", False), ("/half-refuse", True), ("/silence", True)]
)
async def test_only_a_handshake_without_an_answer_is_an_error(path: str, is_error: bool) -> None:
    async with serving() as running:
        with pytest.raises(InvalidHandshake) as refused:
            await running.call(path)
        if isinstance(refused.value, InvalidStatus):
            assert refused.value.response.status_code == (500 if is_error else 403)
        running.signalled(signal.SIGTERM)
        assert running.process.stdout is not None
        said = (await running.process.stdout.read()).decode()
    assert ("without completing handshake" in said) is is_error
    assert ("ERROR" in said) is is_error


async def test_daphne_serves_drains_and_flushes() -> None:
    async with serving("--server", "daphne", "--drain-s", "5") as running:
        line, other = await in_mid_reply(running), await in_mid_reply(running)
        await other.close()
        await running.says("ended")
        running.signalled(signal.SIGTERM)
        assert await line.recv() == "draining"
        await until(lambda: not running.is_listening(), 1)
        await line.send("done")
        await running.says("flushed")
        assert await running.exits() == 0


def test_a_busy_port_is_reported_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(OSError, match="in use") as refused:
            listen("127.0.0.1", port)
    sentence = why_not(refused.value, "127.0.0.1", port)
    assert f"port {port} is in use" in sentence
    assert f"PORT={port + 1} make run" in sentence


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EACCES, "above 1023"), (errno.EADDRNOTAVAIL, "Check HOST")]
)
def test_other_reasons_not_to_listen_are_reported_too(number: int, expected: str) -> None:
    assert expected in why_not(OSError(number, "x"), "10.0.0.1", 80)


def test_what_a_check_warns_of_is_logged_with_its_id_and_what_to_write(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OPENAI_API_KEY = "sk-only-for-this-test"
    settings.REGISTRATION_OPEN = True
    settings.SILENCED_SYSTEM_CHECKS = ["kaiwa.W003", "kaiwa.W006"]
    settings.ALLOWED_HOSTS = ["*"]
    heed_checks()
    assert caplog.messages == [
        "check.warned kaiwa.W004 REGISTRATION_OPEN: strangers may register, and talk at your cost."
        " Write REGISTRATION_OPEN=off unless you mean it."
    ]
    assert caplog.records[0].levelname == "WARNING"


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
        ({"REALTIME_VOICE": "nobody"}, "REALTIME_VOICE"),
        ({"VAD_THRESHOLD": "loud"}, "VAD_THRESHOLD"),
        ({"REALTIME_MODEL": "gpt-réaltime"}, "REALTIME_MODEL"),
        ({"DATABASE_URL": "postgres://u:p@h:notaport/db"}, "DATABASE_URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_setting_ends_the_start_with_its_name(env: dict[str, str], named: str) -> None:
    done = started(env)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Write" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["empty.sqlite3", "nowhere/kaiwa.sqlite3"])
def test_without_a_database_that_is_ready_the_start_ends_with_what_to_do(
    tmp_path: Path, path: str
) -> None:
    done = started({"DATABASE_URL": f"sqlite:///{tmp_path}/{path}"})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Kaiwa cannot start: the database is away or not migrated (OperationalError)."
        " Check DATABASE_URL, then run: .venv/bin/python manage.py migrate"
    )
    assert "Traceback" not in done.stderr


def started(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Start the server with valid settings changed by `env`; return the finished process."""
    good = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "x" * 50,
        "ALLOWED_HOSTS": "127.0.0.1",
        "OPENAI_API_KEY": "sk-only-for-this-test",
        "DATABASE_URL": "sqlite://:memory:",
    }
    return subprocess.run(
        [sys.executable, "-m", "backend.serve"],
        cwd=ROOT, env={**good, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
