"""What a relay's processes use, by the kernel's accounting, and how they are kept on a core."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

STOP_WITHIN_S = 60.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def relay_cores() -> set[int]:
    """The core for the relay where there are two; else any."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[0]} if len(cores) > 1 else set(cores)


def load_cores() -> set[int]:
    """The cores for the far end and the load: those that the relay does not have."""
    cores = os.sched_getaffinity(0)
    return cores - relay_cores() or cores


@contextlib.contextmanager
def priority(nice: int) -> Iterator[None]:
    """Run everything inside with this nice value; below 0 needs root.

    Linux divides the processor between sessions before it looks at the values of their processes
    (autogroups, sched(7)), so the session's own value is set as well, and reset at the end.
    """
    if not nice:
        yield
        return
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    group = Path("/proc/self/autogroup")
    before = group.read_text().split()[-1] if group.exists() else ""
    try:
        if before:
            group.write_text(str(nice))
        yield
    finally:
        if before:
            group.write_text(before)


def tree_of(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, path.read_text().split())
    return found


def cpu_seconds_of(stat: str) -> float:
    """Return the processor time in a line of /proc/PID/stat, in seconds.

    It is that of the process with all its threads, also those that have ended, and of the children
    that it has waited for (proc(5): utime, stime, cutime, cstime).
    """
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_A_SECOND


def tree_cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants, in seconds."""
    total = 0.0
    for each in tree_of(pid):
        with contextlib.suppress(OSError):
            total += cpu_seconds_of(Path(f"/proc/{each}/stat").read_text())
    return total


def core_busy_seconds(cores: Collection[int]) -> float:
    """Return how long these cores have worked, for whatever process, in seconds."""
    lines = Path("/proc/stat").read_text().splitlines()
    return sum(busy_seconds_of(line) for line in lines if _core_of(line) in cores)


def busy_seconds_of(line: str) -> float:
    """Return the time of a `cpuN` line of /proc/stat that was not idle, in seconds.

    Its fields are user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
    """
    ticks = [int(field) for field in line.split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS_A_SECOND


def _core_of(line: str) -> int | None:
    digits = line.split()[0].removeprefix("cpu")
    return int(digits) if line.startswith("cpu") and digits else None


def tree_memory_bytes(pid: int) -> int:
    """Return the memory of a process and its descendants; a shared page counts in parts (Pss)."""
    total = 0
    for each in tree_of(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


@contextlib.contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, cores: Collection[int]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on these cores, with its output in a file; end it with SIGTERM."""
    pin: Callable[[], None] = lambda: os.sched_setaffinity(0, cores)  # noqa: E731
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, preexec_fn=pin,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
