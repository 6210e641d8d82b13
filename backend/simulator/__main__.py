"""`python -m backend.simulator`: the simulator as a process of its own."""

import argparse
import asyncio
import dataclasses
import signal
import sys

from backend.simulator import control, mishaps
from backend.simulator.server import Simulator, SimulatorOptions


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {kind:<18}{meaning}" for kind, meaning in mishaps.MEANINGS.items())
    fields = ", ".join(each.name for each in dataclasses.fields(mishaps.Mishap)[1:])
    parser = argparse.ArgumentParser(
        prog="python -m backend.simulator",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="An offline stand-in for OpenAI's Realtime API (GA): it hears, speaks, is "
        "interrupted, bills and expires.\nIt prints one line when it is ready; put that URL into "
        "OPENAI_BASE_URL, with any OPENAI_API_KEY.",
        epilog=f"{(control.__doc__ or '').removeprefix('PURE: ')}\n"
        f"mishaps (kind, and what it does; further fields: {fields}):\n{kinds}\n",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (%(default)s)"
    )
    parser.add_argument("--port", type=int, default=8765, help="the port; 0: any (%(default)s)")
    parser.add_argument(
        "--cap-s", type=float, default=3600.0, help="the longest a session lasts (%(default)s)"
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=5.0,
        help="how many times faster than it sounds the sound is sent; 0: at once (%(default)s)",
    )
    parser.add_argument(
        "--late-every",
        type=int,
        default=3,
        help="every n-th transcript of the user comes after the answer; 0: none (%(default)s)",
    )
    parser.add_argument(
        "--cheap", action="store_true", help="hum and understand nothing, for benchmarks"
    )
    return parser


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    options = SimulatorOptions(
        host=arguments.host,
        cap_s=arguments.cap_s,
        pace=arguments.pace,
        late_every=arguments.late_every,
        is_cheap=arguments.cheap,
    )
    async with Simulator(options).serve(arguments.port) as running:
        print(f"simulator listening on {running.base_url}", flush=True)
        await stopped.wait()


def main(argv: list[str] | None = None) -> int:
    """Runs until SIGINT or SIGTERM. Answers with the exit code."""
    asyncio.run(_serve(_parser().parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
