"""A temporary redis-server for the tests: on a free port of 127.0.0.1, with nothing on disk."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import redis

READY = b"Ready to accept connections"


class RedisMissing(Exception):
    """There is no `redis-server` on this machine."""


class RedisServer:
    """One redis-server that can be killed, started again on the same port, and paused."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RedisMissing("Please install Redis: apt-get install redis-server")
        self._program = program
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value for `REDIS_URL`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, unless it runs; returns when it accepts connections."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [
                self._program, "--port", str(self.port), "--bind", "127.0.0.1",
                "--save", "", "--appendonly", "no", "--logfile", "",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
        )  # fmt: skip
        assert self._process.stdout is not None
        # It logs a few hundred bytes in its life, which the pipe holds.
        if not any(READY in line for line in self._process.stdout):
            self.kill()
            raise RuntimeError("redis-server ended before it accepted connections")

    def kill(self) -> None:
        """Kill it, also if it is paused. What it held is lost."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def pause(self) -> None:
        """Stop it by SIGSTOP: it still accepts connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        self._signal(signal.SIGCONT)

    def empty(self) -> None:
        """Delete every key. Starts or resumes the server if need be."""
        self.start()
        self.resume()
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, which)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """Run a redis-server. Raises RedisMissing."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
