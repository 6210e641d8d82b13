"""Measure the processor time of a plain HTTP request with and without `in_one_thread`.

    python -m bench.requests [--requests 300]

Both servers run at the same time and get requests in turns, so that other load on the machine
affects both. One connection, one request at a time. Prints the server's processor time, the median
wait and the ratio of both variants.
"""

import argparse
import http.client
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.cpu import cpu_seconds
from tests.journeys.stack import Stack, running_stack

PATHS = ("/", "/static/page/talk.js", "/api/config/", "/healthz")
ROUNDS = 10
VARIANTS = {"in one thread": "backend.settings", "hop by hop": "bench.settings_hop_by_hop"}


@dataclass(slots=True)
class RequestCost:
    """Processor time and waits of some requests."""

    cpu_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)


def send_requests(stack: Stack, path: str, times: int, cost: RequestCost) -> None:
    """Send `times` requests and add what they took to `cost`."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=20)
    pid = stack.processes["server"].pid
    before_s = cpu_seconds(pid)
    for _ in range(times):
        asked_at = time.monotonic()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}")
        cost.waits_s.append(time.monotonic() - asked_at)
    cost.cpu_s += cpu_seconds(pid) - before_s
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a plain HTTP request costs.")
    parser.add_argument("--requests", type=int, default=300, help="for each path and variant")
    options = parser.parse_args()
    costs = {(path, name): RequestCost() for path in PATHS for name in VARIANTS}
    with ExitStack() as running:
        stacks = {
            name: running.enter_context(
                running_stack(
                    Path(running.enter_context(tempfile.TemporaryDirectory())),
                    DEBUG="on",
                    DJANGO_SETTINGS_MODULE=settings,
                )
            )
            for name, settings in VARIANTS.items()
        }
        for _ in range(ROUNDS):
            for (path, name), cost in costs.items():
                send_requests(stacks[name], path, max(1, options.requests // ROUNDS), cost)
    print(f"{'path':16} {'variant':14} {'cpu ms':>7} {'wait ms':>8}")
    for (path, name), cost in costs.items():
        cpu_ms = cost.cpu_s * 1000 / len(cost.waits_s)
        print(f"{path:16} {name:14} {cpu_ms:7.2f} {statistics.median(cost.waits_s) * 1000:8.2f}")
    first, second = VARIANTS
    for path in PATHS:
        ratio = costs[path, first].cpu_s / costs[path, second].cpu_s
        print(f"{path:16} takes {ratio:.2f} of the processor time")


if __name__ == "__main__":
    main()
