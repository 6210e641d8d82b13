"""Calls in which nobody speaks: what each holds, and what all of them take of the processor."""

import time
from collections.abc import Sequence

from bench.compare.figures import Figures, Kind
from bench.compare.processes import tree_cpu_seconds, tree_memory_bytes
from bench.compare.relays import DIRECT, Relay
from bench.compare.sampling import Ends

CALLS = 200
WARM_UP_CALLS = 8
SETTLED_S = 3.0
SECONDS = 15.0
"""Three heartbeats of Kaiwa."""


def run_idle(relays: Sequence[Relay], ends: Ends, figures: Figures) -> None:
    """Measure once: a second round would begin with what the allocator kept of the first."""
    memory = Kind(f"memory per idle call, {CALLS} calls", "KiB")
    share = Kind(f"share of a core, {CALLS} idle calls", "%", has_ratio=False)
    for relay in relays:
        if relay.name == DIRECT:
            continue
        # What is made once, for the first call, is not counted.
        with ends.calls(relay, WARM_UP_CALLS):
            pass
        empty_bytes = tree_memory_bytes(relay.pid)
        with ends.calls(relay, CALLS):
            time.sleep(SETTLED_S)
            grown = tree_memory_bytes(relay.pid) - empty_bytes
            began_s, cpu_s = time.monotonic(), tree_cpu_seconds(relay.pid)
            time.sleep(SECONDS)
            used = (tree_cpu_seconds(relay.pid) - cpu_s) / (time.monotonic() - began_s)
        figures.add(relay.name, memory, grown / CALLS / 1024)
        figures.add(relay.name, share, used * 100)
        ends.note(
            f"idle, {relay.name}: {grown / CALLS / 1024:.0f} KiB a call, {used:.2%} of a core"
        )
