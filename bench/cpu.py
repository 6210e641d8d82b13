"""Processor time of a process."""

from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return user plus system time of a process in seconds, from /proc (100 ticks a second)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
