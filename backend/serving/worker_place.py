"""What a worker process is given by its supervisor (`serving.workers`): its place among the others.

It travels in one variable of the environment, because a worker is started with the command that
started the supervisor.
"""

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import asdict, dataclass

from backend.telemetry.logs import log_event

VARIABLE = "KAIWA_WORKER_PLACE"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """One of `count` workers, from 1 on.

    `listener`, `lifeline` and `memory` are descriptors that it inherits: the socket that all of
    them listen on, the end of a pipe that is closed when the supervisor has ended, however it
    ended, and the memory that all of them share (`worker_memory`).
    `folder` is private to the workers: each answers the others there (`telemetry.sibling_metrics`).
    """

    number: int
    count: int
    listener: int
    lifeline: int
    memory: int
    folder: str

    def environment(self) -> dict[str, str]:
        """Return the variable for the environment of this worker."""
        return {VARIABLE: json.dumps(asdict(self))}

    def listening_socket(self) -> socket.socket:
        """Take the inherited socket over."""
        return socket.socket(fileno=self.listener)


def take_place(environ: MutableMapping[str, str]) -> WorkerPlace | None:
    """Return the place of this process and remove it from the environment, which children inherit.

    None: it is no worker, but the process that somebody started.
    """
    text = environ.pop(VARIABLE, "")
    return WorkerPlace(**json.loads(text)) if text else None


def end_with_supervisor(
    lifeline: int,
    stop_within_s: float,
    *,
    end: Callable[[], None] | None = None,
    kill: Callable[[], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> threading.Thread:
    """Stop this process as SIGTERM does (`end`), as soon as its supervisor has ended.

    Such as by SIGKILL, after which nobody else would stop it or start it again. A process that has
    not stopped after `stop_within_s`, as its event loop hangs, is killed: it would keep the port.
    Returns the thread that waits for all that.
    """

    def wait() -> None:
        # Nobody writes: it returns at the end of the pipe.
        os.read(lifeline, 1)
        (end or _terminate)()
        log_event(_logger, logging.WARNING, "server.supervisor_gone")
        sleep(stop_within_s)
        (kill or _kill)()

    thread = threading.Thread(target=wait, name="lifeline", daemon=True)
    thread.start()
    return thread


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
