"""Calls in a closed loop: how many events a relay passes on one core."""

import time
from collections.abc import Sequence

from bench.compare.figures import Figures, Kind
from bench.compare.relays import DIRECT, Relay
from bench.compare.sampling import Ends, sample

CALLS = 8
UNANSWERED = 4
"""Appends that each call has on their way."""
WARM_UP_S = 1.0
SATURATED_SHARE = 0.9
"""Of the relay's core. Below it, the far end and the load were the bottleneck."""


def run_flood(
    relays: Sequence[Relay], ends: Ends, figures: Figures, rounds: int, seconds: float
) -> None:
    """Send 2.6 KB up, get 8.2 KB down, and again, `rounds` times with every relay in turn."""
    per_s = Kind("events/s at saturation", "1/s")
    cost = Kind("CPU per 1,000 events at saturation", "ms")
    per_core = Kind("events in a second of the processor's time", "1/s")
    for number in range(rounds):
        for relay in relays:
            if relay.name == DIRECT:
                continue
            with ends.calls(relay, CALLS):
                ends.far_end.call("flood", True)
                ends.load.call("flood", UNANSWERED)
                time.sleep(WARM_UP_S)
                before = sample(relay, ends)
                time.sleep(seconds)
                after = sample(relay, ends)
                ends.far_end.call("flood", False)
            passed, cpu_s = after.passed - before.passed, after.cpu_s - before.cpu_s
            wall_s = after.at_s - before.at_s
            is_bound_elsewhere = cpu_s < SATURATED_SHARE * wall_s
            figures.add(relay.name, per_s, passed / wall_s, is_marked=is_bound_elsewhere)
            figures.add(relay.name, cost, cpu_s / passed * 1e6)
            figures.add(relay.name, per_core, passed / cpu_s)
            ends.note(
                f"flood, round {number + 1}, {relay.name}: {passed / wall_s:,.0f} events/s,"
                f" {cpu_s / wall_s:.0%} of a core"
            )
