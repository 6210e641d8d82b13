"""Starting and ending the programs that a browser without Playwright needs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

START_S = 30.0
STOP_S = 10.0

Found = TypeVar("Found")


@contextmanager
def running(
    arguments: Sequence[str], env: Mapping[str, str], log: Path, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own; at the end, the whole group is ended.

    What it writes goes to `log`, unless `options`, which are those of Popen, say otherwise.
    """
    with log.open("ab") as output:
        streams: dict[str, Any] = {"stdout": output, "stdin": subprocess.DEVNULL, **options}
        process = subprocess.Popen(
            arguments, env=env, stderr=output, start_new_session=True, **streams
        )
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Its children too: a driver leaves its browser behind."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
            return


def wait_for(
    find: Callable[[], Found | None], process: subprocess.Popen[bytes], log: Path, what: str
) -> Found:
    """Return what `find` returns, once that is not None.

    Raises RuntimeError with the end of the log if the process exits, or after `START_S`.
    """
    deadline = time.monotonic() + START_S
    while (found := find()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
    return found
