"""Processor time and memory of a process."""

import os
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return user plus system time of a process in seconds, from /proc (100 ticks a second)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss_megabytes(pid: int) -> float:
    """Return the resident memory of a process in megabytes, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
