"""What a server process holds: descriptors, connections, threads, tasks, memory."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.stack import DATABASE_FILE, Stack


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server process holds.

    `descriptors` is without the files of SQLite, `database_files`. Threads of the call path keep
    their connections; and while one is open, SQLite keeps the file of each closed one for the next
    (its locks would be lost with it), so that there are as many as were ever open at once.
    """

    descriptors: int
    database_files: int
    connections: int
    threads: int
    tasks: int
    megabytes: float

    def row(self, name: str) -> str:
        return (
            f"| {name} | {self.descriptors} | {self.connections} | {self.threads} | {self.tasks}"
            f" | {self.megabytes:.1f} MB |"
        )


def links_of(pid: int) -> list[str]:
    """What the open descriptors of a process point to."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(descriptor.readlink()))
    return links


def threads_of(pid: int) -> int:
    """The number of threads of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def resident_megabytes(pid: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


async def usage_of(stack: Stack) -> Usage:
    """Read what the server process holds now, from /proc and its own log.

    The server must be `tests.journeys.quick_server`, which logs its tasks at SIGUSR1.
    """
    pid = stack.processes["server"].pid
    log = stack.folder / "server.log"
    known = log.stat().st_size
    os.kill(pid, signal.SIGUSR1)
    while b"tasks " not in (news := log.read_bytes()[known:]):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    links = links_of(pid)
    database_files = sum(link.startswith(str(stack.folder / DATABASE_FILE)) for link in links)
    return Usage(
        descriptors=len(links) - database_files,
        database_files=database_files,
        connections=sum(link.startswith("socket:") for link in links),
        threads=threads_of(pid),
        tasks=int(news.partition(b"tasks ")[2].split()[0]),
        megabytes=resident_megabytes(pid),
    )
