"""The supervisor of several workers: what a server with `WORKERS` above 1 becomes when it listens.

    python -m backend.serving.supervisor LISTENER COUNT SECONDS COMMAND…

It replaces the program of the process that has run the checks and bound the socket, and so keeps
its process id and its descriptor LISTENER. Otherwise all of the server's code would stay in memory,
80 MB, in a process that serves nobody.
"""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.utils.log import configure_logging

from backend.serving.shutdown import ShutdownTimeouts
from backend.serving.workers import Workers

KILL_AFTER_S = 3.0
"""How much longer than its own shutdown may take a worker is waited for, before it is killed. A
container's grace of 45 s is longer than both."""


def become_supervisor(listener: socket.socket, count: int, timeouts: ShutdownTimeouts) -> NoReturn:
    """Run this program in place of the present one.

    The workers run the command that the present one was started with.
    """
    listener.set_inheritable(True)
    os.execv(sys.executable, [sys.executable, *arguments(listener.fileno(), count, timeouts)])


def arguments(listener: int, count: int, timeouts: ShutdownTimeouts) -> list[str]:
    """Return the arguments that make Python run this program."""
    stop_within_s = timeouts.total_s + KILL_AFTER_S
    facts = (str(listener), str(count), f"{stop_within_s:g}")
    return ["-m", "backend.serving.supervisor", *facts, sys.executable, *sys.orig_argv[1:]]


def main(given: Sequence[str]) -> int:
    """Supervise until a signal. Returns the exit code: 0, or 1 if a worker could not write
    something, or had to be killed.
    """
    listener, count, seconds, *command = given
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    # What `django.setup` does first; the rest loads all of the project.
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    # Only its owner may look into the folder (`mkdtemp`).
    with (
        socket.socket(fileno=int(listener)) as bound,
        tempfile.TemporaryDirectory(prefix="kaiwa-", ignore_cleanup_errors=True) as folder,
    ):
        return asyncio.run(_run(command, bound, int(count), Path(folder), float(seconds)))


async def _run(
    command: Sequence[str], listener: socket.socket, count: int, folder: Path, stop_within_s: float
) -> int:
    # In the running loop, to which its event belongs.
    return await Workers(command, listener, count, folder, stop_within_s).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
