"""The steps of a graceful shutdown that both servers share. Each has a timeout."""

import asyncio
import logging
import os
import threading
from dataclasses import dataclass
from typing import Protocol

from backend.telemetry.logs import log_event

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShutdownTimeouts:
    """Timeouts in seconds. The whole shutdown takes less than 36 s: a container's stop grace must
    not be shorter.

    `drain_s`: how long running replies may go on after SIGTERM, and `interrupt_drain_s` after
    SIGINT. `drain_overrun_s`: how much longer than that the drain itself may take. `close_s`: how
    long the remaining sockets have to close. `flush_s`: how long the runtime may go on writing
    turns, or put them into the spool; it then logs what was lost, which `flush_overrun_s` leaves
    time for. `threads_s`: how long the process waits for threads after all that.
    """

    drain_s: float = 30.0
    interrupt_drain_s: float = 1.0
    drain_overrun_s: float = 1.0
    close_s: float = 1.0
    flush_s: float = 2.5
    flush_overrun_s: float = 0.5
    threads_s: float = 0.3

    @property
    def total_s(self) -> float:
        """How long the whole shutdown takes at most, after SIGTERM."""
        return (
            self.drain_s
            + self.drain_overrun_s
            + 1.5 * self.close_s
            + self.flush_s
            + self.flush_overrun_s
            + self.threads_s
        )


class Runtime(Protocol):
    """What the servers need of `backend.runtime.Runtime`."""

    def start(self) -> None:
        """Start the background work, such as ending the calls of a worker that died."""
        ...

    async def drain(self, seconds: float) -> None:
        """Refuse new calls, let replies finish for up to `seconds`, then end every call.

        0 ends every call at once.
        """
        ...

    async def stop(self, wait_s: float) -> bool:
        """Write pending turns for up to `wait_s`, then release everything.

        Returns False if something could not be written; it has been logged then.
        """
        ...


async def drain(runtime: Runtime, seconds: float, timeouts: ShutdownTimeouts) -> None:
    """Drain the runtime. An error or an overrun is logged, since the shutdown must go on."""
    try:
        async with asyncio.timeout(seconds + timeouts.drain_overrun_s):
            await runtime.drain(seconds)
    except Exception as error:
        log_event(_logger, logging.ERROR, "server.drain_failed", error=type(error).__name__)


async def flush_and_exit(runtime: Runtime, timeouts: ShutdownTimeouts) -> bool:
    """Flush, and make sure that the process exits soon. Returns True if everything was written."""
    is_flushed = await flush(runtime, timeouts)
    _exit_after(timeouts.threads_s, exit_code(is_flushed))
    log_event(_logger, logging.INFO, "server.stopped")
    return is_flushed


def exit_code(is_flushed: bool) -> int:
    """Return the process's exit code: 1 if something could not be written."""
    return 0 if is_flushed else 1


async def flush(runtime: Runtime, timeouts: ShutdownTimeouts) -> bool:
    """Write what is pending. Returns True if everything was written; never raises.

    The runtime's own bound is shorter than the one here, so that it can log what it lost before it
    is cancelled.
    """
    try:
        async with asyncio.timeout(timeouts.flush_s + timeouts.flush_overrun_s):
            return await runtime.stop(timeouts.flush_s)
    except Exception as error:
        log_event(_logger, logging.ERROR, "server.flush_failed", error=type(error).__name__)
        return False


def _exit_after(seconds: float, code: int) -> None:
    """Exit even if a thread hangs in a database, for which the interpreter would wait."""
    watchdog = threading.Timer(seconds, os._exit, (code,))
    watchdog.daemon = True
    watchdog.start()
