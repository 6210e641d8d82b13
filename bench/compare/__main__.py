"""Measure what relaying costs: Kaiwa beside nginx, a thin ASGI relay and other trees, in one run.

    python -m bench.compare [--only paced,flood,connect,idle,growth] [--relays nginx,thin,kaiwa]
        [--calls 10,40,100,200] [--rounds 3] [--seconds 5] [--database sqlite|postgres]
        [--also NAME=FOLDER] [--workers N] [--nice N] [--json FILE]

The table is written to stdout, the progress to stderr. docs/performance.md says how to read it.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.compare import relays
from bench.compare.connects import run_connects
from bench.compare.control import Remote
from bench.compare.far_end import FarEnd
from bench.compare.figures import Figures, table_of
from bench.compare.flood import run_flood
from bench.compare.growth import run_growth
from bench.compare.idle import run_idle
from bench.compare.load import Load
from bench.compare.paced import run_paced
from bench.compare.processes import load_cores, priority, relay_cores
from bench.compare.relays import Place, Relay, Starter
from bench.compare.sampling import Ends
from tests.journeys.stack import free_port

STARTERS: Mapping[str, Starter] = {
    "nginx": relays.nginx,
    "thin": relays.thin,
    "litellm": relays.litellm,
    "kaiwa": relays.kaiwa(),
}
PARTS = ("paced", "flood", "connect", "idle", "growth")
NOTE = (
    "Medians of the rounds (least–most); ratios are taken within each round. Added times are those"
    " of the relay less those of the direct connection.\n† Paced: saturated, events arrived later"
    " than they were sent. Flood: the relay's core was not full, so it could pass more."
)


def main() -> None:
    options = parsed(sys.argv[1:])
    began_s = time.monotonic()
    with priority(options.nice):
        figures = measured(options)
    print(f"{heading(options)} In {time.monotonic() - began_s:.0f} s.\n")
    print(table_of(figures, list(options.relays)))
    print(f"\n{NOTE}")
    if options.json:
        options.json.write_text(json.dumps(figures.as_json(), indent=1))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; `relays` has the starter of each relay by its name."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare", description="Measure what relaying costs."
    )
    parser.add_argument("--only", type=words, default=list(PARTS), help="parts of the run")
    parser.add_argument("--relays", type=words, default=["nginx", "thin", "kaiwa"])
    parser.add_argument("--calls", type=numbers, default=[10, 40, 100, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument(
        "--also", action="append", default=[], metavar="NAME=FOLDER",
        help="another tree of Kaiwa, measured as one more relay",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="this tree with WORKERS=N as one more relay; all relays then share all cores with the"
        " load",
    )  # fmt: skip
    parser.add_argument(
        "--nice", type=int, default=0,
        help="priority of all that is measured; below 0 (for root) on a machine that is busy",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, help="write all figures of all rounds to this file")
    options = parser.parse_args(arguments)
    for unknown in (*(set(options.only) - set(PARTS)), *(set(options.relays) - set(STARTERS))):
        parser.error(f"there is no {unknown}: parts {', '.join(PARTS)}; {', '.join(STARTERS)}")
    starters = {name: STARTERS[name] for name in options.relays}
    for also in options.also:
        name, _, folder = also.partition("=")
        if not (Path(folder) / "manage.py").is_file() or name in starters:
            parser.error(f"--also {also}: write NAME=FOLDER, with the folder of a checkout")
        starters[name] = relays.kaiwa(Path(folder).resolve())
    if options.workers > 1:
        starters[f"kaiwa x{options.workers}"] = relays.kaiwa(workers=options.workers)
    options.relays = starters
    return options


def words(text: str) -> list[str]:
    """Return the words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    """Return the whole numbers between commas."""
    return [int(word) for word in words(text)]


def heading(options: argparse.Namespace) -> str:
    """Return what was measured where."""
    cores = len(os.sched_getaffinity(0))
    is_apart = cores > 1 and options.workers == 1
    where = "the relay on one of them" if is_apart else "which the relay shares with the load"
    return (
        f"{', '.join(options.relays)}; {options.database}; {options.rounds} rounds of"
        f" {options.seconds:g} s; {cores} core{'s' if cores > 1 else ''}, {where}."
    )


def measured(options: argparse.Namespace) -> Figures:
    """Run all parts. Every part has servers and databases of its own."""
    figures = Figures()
    far_port = free_port()
    of_relay, of_load = divided_cores(options.workers)
    with (
        tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder,
        Remote(FarEnd, of_load) as far_end,
        Remote(Load, of_load) as load,
    ):
        far_end.call("listen", far_port)
        ends = Ends(far_end, load, note, of_relay)
        for part in options.only:
            subfolder = Path(folder) / part
            subfolder.mkdir()
            # nginx runs as nobody if this process is root's.
            subfolder.chmod(0o755)
            place = Place(subfolder, far_port, options.database, cores=of_relay)
            run_part(part, place, ends, figures, options)
    return figures


def divided_cores(workers: int) -> tuple[Collection[int], Collection[int]]:
    """Return the cores of the relay, and those of the far end and the load."""
    if workers > 1:
        return os.sched_getaffinity(0), os.sched_getaffinity(0)
    return relay_cores(), load_cores()


def run_part(
    part: str, place: Place, ends: Ends, figures: Figures, options: argparse.Namespace
) -> None:
    """Start the relays, and run one part of the bench with them."""
    rounds, seconds = options.rounds, options.seconds
    if part == "flood":
        place = replace(place, is_client_rate_limited=False)
    with running_relays(options.relays, place) as running:
        match part:
            case "paced":
                run_paced(running, ends, figures, options.calls, rounds, seconds)
            case "flood":
                run_flood(running, ends, figures, rounds, seconds)
            case "connect":
                run_connects(running, ends, figures, rounds, seconds)
            case "idle":
                run_idle(running, ends, figures)
            case _:
                run_growth(running, ends, figures, rounds)


@contextlib.contextmanager
def running_relays(starters: Mapping[str, Starter], place: Place) -> Iterator[list[Relay]]:
    """Start the direct connection and all relays; stop them at the end."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(start(name, place))
            for name, start in {relays.DIRECT: relays.direct, **starters}.items()
        ]


def note(text: str) -> None:
    """Tell how far the run is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
