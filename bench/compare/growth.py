"""Long calls: whether an event costs more after a thousand exchanges than after ten."""

import time
from collections.abc import Sequence
from dataclasses import replace

from bench.compare.figures import Figures, Kind
from bench.compare.relays import Relay
from bench.compare.sampling import Ends, sample
from bench.compare.traffic import Traffic

CALLS = 2
MEASURED = Traffic(
    appends_per_s=25, probes_per_s=0, deltas_per_s=100, deltas=20, waits_for_reader=True
)
"""Five short exchanges a second."""
FAST = replace(MEASURED, deltas_per_s=500)
"""Between the measurements."""
EXCHANGES = (10, 300, 1000)
WINDOW_S = 10.0
"""Two heartbeats of Kaiwa."""
SETTLED_S = 1.5
"""After the fast part, for what is still on its way."""


def run_growth(relays: Sequence[Relay], ends: Ends, figures: Figures, rounds: int) -> None:
    """Measure the same calls after each number of exchanges, and new calls in each round.

    Relays that keep nothing are left out. One round says little: the speed of a machine changes
    by more than what is looked for, and its three measurements are half a minute apart.
    """
    first, last = EXCHANGES[0], EXCHANGES[-1]
    ratio = Kind(f"CPU per event, {last} exchanges ÷ {first}", "×", has_ratio=False)
    for number in range(rounds):
        for relay in relays:
            if not relay.is_kaiwa:
                continue
            costs = _costs(relay, ends)
            for exchanges, cost in costs.items():
                title = f"CPU per 1,000 events after {exchanges} exchanges"
                figures.add(relay.name, Kind(title, "ms", has_ratio=False), cost)
                ends.note(
                    f"growth, round {number + 1}, {relay.name}: {cost:.1f} ms after"
                    f" {exchanges} exchanges"
                )
            figures.add(relay.name, ratio, costs[last] / costs[first])


def _costs(relay: Relay, ends: Ends) -> dict[int, float]:
    """The processor time of 1,000 events in ms, after each number of exchanges."""
    costs: dict[int, float] = {}
    with ends.calls(relay, CALLS):
        ends.load.call("start", MEASURED)
        for exchanges in EXCHANGES:
            ends.far_end.call("start", FAST)
            while ends.far_end.call("exchanges") < exchanges:
                time.sleep(0.02)
            ends.far_end.call("start", MEASURED)
            time.sleep(SETTLED_S)
            before = sample(relay, ends)
            time.sleep(WINDOW_S)
            after = sample(relay, ends)
            costs[exchanges] = (after.cpu_s - before.cpu_s) / (after.passed - before.passed) * 1e6
    return costs
