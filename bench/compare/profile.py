"""Draw a flame graph of Kaiwa under calls at a pace, and name its hottest functions.

    python -m bench.compare.profile [--calls 40] [--seconds 15] [--output var/profile.svg]

py-spy samples the server from outside, 250 times a second, while calls at the pace of `make bench`
run. The functions are those in which the server was found, not those that they were called by.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.compare.__main__ import note
from bench.compare.control import Remote
from bench.compare.far_end import FarEnd
from bench.compare.load import Load
from bench.compare.processes import load_cores, priority
from bench.compare.relays import Place, kaiwa
from bench.compare.sampling import Ends
from bench.compare.traffic import Traffic
from tests.journeys.stack import ROOT, free_port

PY_SPY = ROOT / ".venv-profile" / "bin" / "py-spy"
SAMPLES_A_SECOND = 250
HOTTEST = 10


def hottest(lines: Iterable[str], count: int = HOTTEST) -> list[tuple[str, float]]:
    """Return the functions with the most samples of their own, with their shares.

    `lines` are py-spy's raw format: the frames from the outermost in, with semicolons between them,
    and the number of samples. A frame is `function (file:line)`; lines of one function count
    together.
    """
    samples: Counter[str] = Counter()
    for line in lines:
        stack, _, number = line.rpartition(" ")
        function, _, place = stack.rpartition(";")[2].partition(" (")
        samples[f"{function} ({place.rpartition(':')[0]})"] += int(number)
    total = samples.total()
    return [(name, number / total) for name, number in samples.most_common(count)]


def record(pid: int, seconds: float, form: str, output: Path) -> None:
    """Sample a process for this time in seconds and write what was found.

    Only threads that hold the interpreter's lock count: others wait. py-spy pauses the process for
    each sample, since without that it loses those taken in Python.
    """
    subprocess.run(
        [
            str(PY_SPY), "record", "--pid", str(pid), "--duration", str(int(seconds)),
            "--rate", str(SAMPLES_A_SECOND), "--format", form, "--output", str(output), "--gil",
        ],
        check=True, capture_output=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a flame graph of Kaiwa under calls.")
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=ROOT / "var" / "profile.svg")
    parser.add_argument("--nice", type=int, default=0, help="as in bench.compare")
    options = parser.parse_args()
    if not PY_SPY.exists():
        sys.exit("py-spy is not installed: `make profile` does it")
    options.output.parent.mkdir(exist_ok=True)
    far_port = free_port()
    with (
        priority(options.nice),
        tempfile.TemporaryDirectory(prefix="kaiwa-profile-") as folder,
        Remote(FarEnd, load_cores()) as far_end,
        Remote(Load, load_cores()) as load,
    ):
        far_end.call("listen", far_port)
        raw = Path(folder) / "raw.txt"
        ends, traffic = Ends(far_end, load, note), Traffic()
        with (
            kaiwa()("kaiwa", Place(Path(folder), far_port)) as relay,
            ends.calls(relay, options.calls),
        ):
            far_end.call("start", traffic)
            load.call("start", traffic)
            time.sleep(traffic.exchange_s)
            note(f"{options.calls} calls; sampling twice for {options.seconds} s")
            record(relay.pid, options.seconds, "flamegraph", options.output)
            record(relay.pid, options.seconds, "raw", raw)
        print(options.output)
        for name, share in hottest(raw.read_text().splitlines()):
            print(f"{share:6.1%}  {name}")


if __name__ == "__main__":
    main()
