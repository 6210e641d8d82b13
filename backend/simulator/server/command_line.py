"""The command line of `python -m backend.simulator`: the simulator as a process of its own."""

import argparse
import asyncio
import dataclasses
import errno
import signal
import sys
from contextlib import AsyncExitStack

from backend.simulator.engine import mishaps
from backend.simulator.server import control_api
from backend.simulator.server.server import Simulator, SimulatorOptions


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port: a number from 0 to 65535")


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {kind:<18}{meaning}" for kind, meaning in mishaps.MEANINGS.items())
    fields = ", ".join(each.name for each in dataclasses.fields(mishaps.Mishap)[1:])
    parser = argparse.ArgumentParser(
        prog="python -m backend.simulator",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="An offline stand-in for OpenAI's Realtime API (GA): it hears, speaks, is "
        "interrupted, bills and expires,\nover WebSocket and over WebRTC (POST /v1/realtime/calls, "
        "with sidebands), with standard and ephemeral keys.\nIt also answers POST /v1/responses "
        "and POST /v1/audio/transcriptions (WAV only).\n"
        "It prints one line when it is ready; put that URL into "
        "OPENAI_BASE_URL, with any OPENAI_API_KEY.",
        epilog=f"{(control_api.__doc__ or '').removeprefix('PURE: ')}\n"
        f"mishaps (kind, and what it does; further fields: {fields}):\n{kinds}\n",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (%(default)s)"
    )
    parser.add_argument("--port", type=_port, default=8765, help="the port; 0: any (%(default)s)")
    parser.add_argument(
        "--cap-s",
        type=float,
        default=3600.0,
        help="the maximum duration of a session in seconds (%(default)s)",
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=5.0,
        help="how many times faster than real time audio and words are sent; 0: at once "
        "(%(default)s)",
    )
    parser.add_argument(
        "--late-every",
        type=int,
        default=3,
        help="every n-th transcript of the user comes after the response; 0: none (%(default)s)",
    )
    parser.add_argument(
        "--cheap",
        action="store_true",
        help="a tone in place of speech, and no recognition, for benchmarks",
    )
    return parser


def start_failure(error: OSError, host: str, port: int) -> str:
    """One sentence for the user: why the server cannot listen, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"The simulator cannot start: port {port} is in use. "
            "Stop what uses it, or let it find a free one: --port 0"
        )
    if error.errno == errno.EACCES:
        return f"The simulator cannot start: port {port} is not allowed. Choose one above 1023."
    return (
        f"The simulator cannot start: it cannot listen on {host}, port {port}. "
        "Check --host and --port."
    )


async def _serve(arguments: argparse.Namespace) -> str | None:
    """Serve until SIGINT or SIGTERM; return the reason if the start failed."""
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
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(Simulator(options).serve(arguments.port))
        except OSError as error:
            return start_failure(error, arguments.host, arguments.port)
        print(f"simulator listening on {running.base_url}", flush=True)
        await stopped.wait()
    return None


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    failure = asyncio.run(_serve(_parser().parse_args(argv)))
    if failure is not None:
        print(failure, file=sys.stderr)
    return 0 if failure is None else 1
