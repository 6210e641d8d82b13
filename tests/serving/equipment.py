"""A server process that runs `tests.serving.asgi_app`, and clients for it."""

import asyncio
import base64
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).resolve().parent.parent.parent


async def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    """Poll the condition every 5 ms until it is true."""
    for _ in range(int(within_s / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"the condition was not met within {within_s} s")


class ServerProcess:
    """A running server: its port, its output, its memory."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def printed(self, word: str, within_s: float = 5.0) -> list[str]:
        """Return the next printed line that begins with this word, split into words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within_s):
            while line := await self.process.stdout.readline():
                words = line.decode().split()
                if words[0] == word:
                    return words
        raise AssertionError(f"the server never printed {word}")

    async def exit_code(self, within_s: float = 5.0) -> int:
        """Wait for the exit and return its code."""
        return await asyncio.wait_for(self.process.wait(), within_s)

    def send_signal(self, number: signal.Signals) -> float:
        """Send the signal and return the time."""
        self.process.send_signal(number)
        return time.monotonic()

    @property
    def rss_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def connect(self, path: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, close_timeout=0.2)

    def is_listening(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def open_socket_count(self) -> int:
        """The number of TCP sockets the process has open; the listener is one."""
        tcp = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
        count = 0
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                link = str(descriptor.readlink())
                count += link.startswith("socket:[") and link[8:-1] in tcp
        return count


@contextlib.asynccontextmanager
async def server_process(*options: str) -> AsyncIterator[ServerProcess]:
    """Run the application on a free port; kill it at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.serving.asgi_app", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    server = ServerProcess(process, 0)
    try:
        server.port = int((await server.printed("listening", 20))[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200" in await asyncio.wait_for(reader.readline(), 20)
        writer.close()
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def open_stuck_reader(port: int, path: str) -> socket.socket:
    """Return a socket that completes the handshake and never reads; its receive buffer is small."""
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


async def send_like_a_microphone(stuck: socket.socket) -> None:
    """Send masked text frames of 2.6 KB, 25 a second, as a microphone does."""
    frame = b"\x81\xfe" + (2600).to_bytes(2, "big") + b"\0\0\0\0" + b"a" * 2600
    with contextlib.suppress(OSError):
        while True:
            await asyncio.get_running_loop().sock_sendall(stuck, frame)
            await asyncio.sleep(0.04)


async def client_in_mid_reply(server: ServerProcess) -> ClientConnection:
    """Return a client whose reply has begun; it ends when the client sends `done`."""
    client = await server.connect("/reply")
    await client.send("hello")
    assert await client.recv() == "hello"
    return client


async def close_code_and_reason(client: ClientConnection) -> tuple[int, str]:
    """Read until the server closes."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await client.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def is_alive(pid: int) -> bool:
    """Whether there is a process of this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
