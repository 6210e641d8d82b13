"""The name of a server process in its Call rows, and whether the process of a name is dead.

A lease takes 30 s to expire. A process that was killed and started again on the same machine, as
containers are, can end the calls of the dead one at once instead.
"""

import os
import socket
from pathlib import Path

PROC = Path("/proc")


def process_name() -> str:
    """This process: `host:pid:start`, where `start` is in the kernel's clock ticks since boot.

    Without `/proc` it has no start.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{_started_at(os.getpid()) or ''}"


def is_dead(name: str) -> bool:
    """Whether the process of this name is known to have ended: it ran here, and runs no longer.

    False if that cannot be known: on another machine, and without `/proc`. In containers that share
    a host name but not their processes it may be wrong; a process that is alive after all reopens
    its calls at its next heartbeat.
    """
    host, pid, started_at = ("", "", "", *name.rsplit(":", 2))[-3:]
    if host != socket.gethostname() or not pid.isdecimal() or not started_at:
        return False
    return _started_at(int(pid)) != started_at


def _started_at(pid: int) -> str | None:
    """When the process was started; None if there is none, or no `/proc`."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field, the command's name in brackets, may hold spaces and brackets itself.
    return stat.rpartition(")")[2].split()[19]
