"""Run the property tests with new random seeds until the time is over: `make fuzz`.

Each round is one pytest process over every Hypothesis test, with a fresh seed for the examples and
the test order. The first failing round ends the run: its output holds the falsifying example, and
the command that repeats it is printed. `MINUTES` in the environment sets the time, 10 by default;
the last round is always finished, so that a failure is never cut off while it is being shrunk. A
round takes about two minutes.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

DEFAULT_MINUTES = 10.0


def command_of(seed: int) -> list[str]:
    """The command that runs one round with this seed."""
    return [
        sys.executable, "-m", "pytest", "-x",
        "-m", "hypothesis and not journey and not page",
        "--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}", f"--randomly-seed={seed}",
    ]  # fmt: skip


def explore(
    minutes: float,
    run: Callable[[int], int],
    seeds: Iterator[int],
    clock_s: Callable[[], float] = time.monotonic,
) -> int:
    """Call `run(seed)` until it fails or `minutes` are over. Returns its exit code; 0 is a pass.

    At least one round is run.
    """
    end_s = clock_s() + minutes * 60
    for seed in seeds:
        if code := run(seed):
            return code
        if clock_s() >= end_s:
            break
    return 0


def _random_seeds() -> Iterator[int]:
    while True:
        yield secrets.randbelow(2**32)


def _run_round(seed: int) -> int:
    command = command_of(seed)
    started_s = time.monotonic()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout)
        print(f"Seed {seed} fails. Repeat it with:\n{subprocess.list2cmdline(command)}", flush=True)
        return 1
    summary = done.stdout.strip().rpartition("\n")[2]
    print(f"seed {seed}: {summary} ({time.monotonic() - started_s:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    minutes = float(os.environ.get("MINUTES") or DEFAULT_MINUTES)
    sys.exit(explore(minutes, _run_round, _random_seeds()))
