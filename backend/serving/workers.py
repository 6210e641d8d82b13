"""Several server processes that listen on one socket: started, passed signals, started again.

Each is a program of its own, not a fork: that would share threads and connections.

uvicorn's own supervisor is not used: it passes on one signal only, so that a second one could not
shorten a drain, starts a worker that dies at once again without a pause, and exits with 0 whatever
its workers have lost.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from backend.serving.worker_balance import WorkerBalance, note_all_absent
from backend.serving.worker_beats import LOOK_S, HangDetector, WorkerBeats
from backend.serving.worker_memory import make_memory
from backend.serving.worker_place import WorkerPlace
from backend.telemetry.logs import log_event

_logger = logging.getLogger(__name__)

STEADY_S = 10.0
"""A worker that has lived this long is started again at once."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0

_PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def pause_s(lived_s: float, before_s: float) -> float:
    """Return how long to wait before a worker is started again that has lived for `lived_s`.

    `before_s` is the pause before that life; 0 if there was none. Starting takes seconds of a core,
    which the other workers need for their calls.
    """
    if lived_s >= STEADY_S:
        return 0.0
    return min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * before_s))


def exit_code_of(codes: Sequence[int]) -> int:
    """Return the supervisor's exit code, from those of its workers as it stopped: 0, or 1.

    A worker that a passed-on signal has ended did not serve yet: those that do exit by themselves.
    """
    return 0 if {0, *(-number for number in _PASSED_ON)}.issuperset(codes) else 1


class Workers:
    """Starts `count` workers with `command`, and keeps them running until a signal.

    `stop_within_s` is how long a worker may take to stop before it is killed. One whose event loop
    hangs is killed too (`worker_beats`): every `look_s` it is looked at.
    """

    def __init__(
        self,
        command: Sequence[str],
        listener: socket.socket,
        count: int,
        folder: Path,
        stop_within_s: float,
        look_s: float = LOOK_S,
    ) -> None:
        self._command = command
        self._listener = listener
        self._count = count
        self._folder = folder
        self._stop_within_s = stop_within_s
        self._look_s = look_s
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._codes: list[int] = []
        self._first_signal: signal.Signals | None = None
        self._is_stopping = asyncio.Event()
        self._lifeline, self._held_end = os.pipe()
        self._memory = make_memory(count)
        note_all_absent(self._memory, count)

    async def run(self) -> int:
        """Run until a signal has ended all workers. Returns the exit code.

        The listening socket is closed at the first signal, here as in the workers: nothing can
        connect to it any more.
        """
        loop = asyncio.get_running_loop()
        for number in _PASSED_ON:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            await asyncio.gather(*(self._keep_running(one + 1) for one in range(self._count)))
        finally:
            for number in _PASSED_ON:
                loop.remove_signal_handler(number)
            os.close(self._lifeline)
            os.close(self._held_end)
            os.close(self._memory)
        code = exit_code_of(self._codes)
        log_event(_logger, logging.INFO, "server.workers_stopped", exit_code=code)
        return code

    def _on_signal(self, number: signal.Signals) -> None:
        if self._first_signal is None:
            self._first_signal = number
            self._is_stopping.set()
            self._listener.close()
            asyncio.get_running_loop().call_later(self._stop_within_s, self._kill)
        for process in self._running.values():
            _send(process, number)

    def _kill(self) -> None:
        for number, process in self._running.items():
            log_event(_logger, logging.ERROR, "server.worker_killed", worker=str(number))
            _send(process, signal.SIGKILL)

    async def _keep_running(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        wait_s = 0.0
        while not self._is_stopping.is_set():
            began_s = loop.time()
            try:
                process = await self._start(number)
            except (OSError, RuntimeError) as error:
                # No process, thread or memory for it, as at the limits of a container. asyncio
                # starts a thread that waits for each process.
                wait_s = pause_s(0.0, wait_s)
                log_event(
                    _logger,
                    logging.ERROR,
                    "server.worker_not_started",
                    worker=str(number),
                    error=type(error).__name__,
                    wait_s=wait_s,
                )
                await self._pause(wait_s)
                continue
            watching = asyncio.create_task(self._kill_if_hung(number, process))
            code = await process.wait()
            watching.cancel()
            del self._running[number]
            WorkerBalance(self._memory, number, self._count).leave()
            if self._is_stopping.is_set():
                self._codes.append(code)
                return
            wait_s = pause_s(loop.time() - began_s, wait_s)
            log_event(
                _logger,
                logging.ERROR,
                "server.worker_died",
                worker=str(number),
                pid=process.pid,
                exit_code=code,
                wait_s=wait_s,
            )
            await self._pause(wait_s)

    async def _kill_if_hung(self, number: int, process: asyncio.subprocess.Process) -> None:
        beats = WorkerBeats(self._memory, number, self._count)
        detector = HangDetector(beats.count())
        while not detector.is_hung(beats.count()):  # noqa: ASYNC110 - another process beats
            await asyncio.sleep(self._look_s)
        log_event(_logger, logging.ERROR, "server.worker_hung", worker=str(number), pid=process.pid)
        _send(process, signal.SIGKILL)

    async def _pause(self, seconds: float) -> None:
        """Wait for this time, or until the workers stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_stopping.wait(), seconds)

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        descriptors = (self._listener.fileno(), self._lifeline, self._memory)
        place = WorkerPlace(number, self._count, *descriptors, str(self._folder))
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env={**os.environ, **place.environment()},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=descriptors,
            # Otherwise Ctrl-C in a terminal would reach it twice: as its own, and passed on. No
            # session of its own, because Linux divides the processor between sessions (autogroups).
            process_group=0,
        )
        self._running[number] = process
        if self._first_signal is not None:
            # It came while this worker was being started.
            _send(process, self._first_signal)
        return process


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # Not `send_signal`: it may reap the process before asyncio does, and its exit code is lost.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
